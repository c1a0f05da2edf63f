//! Whose connections and look-ups are counted together.

use std::future::{Future, ready};
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::LazyLock;

use privet_policy::App;

/// A client with a share of its own in what is limited: a program of this machine, or an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientKey(u64);

/// Groups of user names of a client whose logins are checked independently.
const LOGIN_GROUPS: u64 = 16;

/// Random, so that nobody chooses two names with one key.
static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);

impl ClientKey {
    /// Privet itself.
    pub const ENGINE: Self = Self(0);

    pub fn of_address(address: IpAddr) -> Self {
        Self(HASHER.hash_one(address.to_canonical()))
    }

    /// By its path where that is known: all its processes are one client.
    pub fn of_program(program: &App) -> Self {
        Self(HASHER.hash_one((program.path.as_deref(), &*program.name)))
    }

    /// The client's logins as this user: guesses at one user's password do not hold up another user behind the same address.
    /// Names share [`LOGIN_GROUPS`] groups, whether a user has them or not, so that neither many invented names allow many
    /// guesses at once, nor the time taken tells which names exist.
    pub fn of_login(self, user: &[u8]) -> Self {
        let group = HASHER.hash_one(user) % LOGIN_GROUPS;
        Self(HASHER.hash_one((self.0, group)))
    }
}

/// The client that a look-up is made for.
pub trait LookupClient: Sync {
    /// Its key as far as it is known at once.
    fn key(&self) -> ClientKey;

    /// Its key once more is known: asked where a look-up has to wait anyway.
    fn settled_key(&self) -> Pin<Box<dyn Future<Output = ClientKey> + Send + '_>>;
}

impl LookupClient for ClientKey {
    fn key(&self) -> ClientKey {
        *self
    }

    fn settled_key(&self) -> Pin<Box<dyn Future<Output = ClientKey> + Send + '_>> {
        Box::pin(ready(*self))
    }
}
