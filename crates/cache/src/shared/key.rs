//! What values and scopes are called in a shared store. All machines give them the same names, so there is no secret of an
//! installation in them; they are SHA-256, so that nobody can prepare two URLs with one name.

use aws_lc_rs::digest::{Context, SHA256};

use crate::key::is_keyed;
use crate::rules::request::Request;
use crate::site::host_of;

/// The name of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SharedKey(pub [u8; 32]);

impl SharedKey {
    /// Of a request's URL and the fields that are part of the primary key (see [`crate::key`]). `space` is which cache it
    /// is: the forward side or a site's name.
    pub fn new(space: &str, request: &Request<'_>) -> SharedKey {
        let target = &request.target;
        let mut hash = Hash::new(b"entry");
        for part in [
            space.as_bytes(),
            target.scheme.as_bytes(),
            target.host.as_bytes(),
            &target.port.to_be_bytes(),
            target.path_and_query,
        ] {
            hash.part(part);
        }
        if request.present.keyed_input {
            request.fields.for_each(&mut |name, value| {
                if is_keyed(name) {
                    hash.part(&name.to_ascii_lowercase());
                    hash.part(value);
                }
            });
        }
        SharedKey(hash.finish())
    }

    /// Of one variant: with the fields of the request that `Vary` names.
    #[must_use]
    pub fn variant(&self, vary_key: &[u8]) -> SharedKey {
        let mut hash = Hash::new(b"variant");
        hash.part(&self.0);
        hash.part(vary_key);
        SharedKey(hash.finish())
    }
}

/// For whom what the store has for a URL is purged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PurgeReach {
    AllMachines,
    /// The store is not told: the request was made in a mode that leaves nothing on it.
    ThisMachine,
}

/// What a purge names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PurgedPart<'a> {
    All,
    Host(&'a str),
    Url(&'a str),
    /// All responses that name it.
    Tag(&'a str),
}

impl PurgedPart<'_> {
    pub fn scope(&self) -> Scope {
        match self {
            PurgedPart::All => Scope::all(),
            PurgedPart::Host(host) => Scope::host(host),
            PurgedPart::Url(url) => Scope::url(url),
            PurgedPart::Tag(tag) => Scope::tag(tag),
        }
    }

    /// The whole host. `None`: it is more than that.
    pub(super) fn host_scope(&self) -> Option<Scope> {
        match self {
            PurgedPart::All | PurgedPart::Tag(_) => None,
            PurgedPart::Host(host) => Some(Scope::host(host)),
            PurgedPart::Url(url) => Some(Scope::host(host_of(url))),
        }
    }
}

/// What a purge is counted by: everything, a host, a URL, or a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scope(pub [u8; 16]);

impl Scope {
    pub fn all() -> Scope {
        Scope::named(b"all", "")
    }

    pub fn host(host: &str) -> Scope {
        Scope::named(b"host", &host.to_ascii_lowercase())
    }

    pub fn url(url: &str) -> Scope {
        Scope::named(b"url", url)
    }

    pub fn tag(tag: &str) -> Scope {
        Scope::named(b"tag", tag)
    }

    /// Raised by every purge of a tag.
    pub fn tags() -> Scope {
        Scope::named(b"tags", "")
    }

    fn named(kind: &[u8], name: &str) -> Scope {
        let mut hash = Hash::new(kind);
        hash.part(name.as_bytes());
        let (mut scope, hash) = ([0; 16], hash.finish());
        scope.copy_from_slice(hash.first_chunk::<16>().unwrap_or(&[0; 16]));
        Scope(scope)
    }
}

/// The scopes of an entry, the last one that of all tags: which ones it has is not known before its origin has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scopes(pub [Scope; 4]);

impl Scopes {
    pub fn of_url(url: &str) -> Scopes {
        Scopes([
            Scope::all(),
            Scope::host(host_of(url)),
            Scope::url(url),
            Scope::tags(),
        ])
    }
}

/// Parts are hashed with their lengths, so that no two lists of parts are alike.
struct Hash(Context);

impl Hash {
    fn new(kind: &[u8]) -> Hash {
        let mut hash = Hash(Context::new(&SHA256));
        hash.part(kind);
        hash
    }

    fn part(&mut self, part: &[u8]) {
        self.0.update(&(part.len() as u64).to_be_bytes());
        self.0.update(part);
    }

    fn finish(self) -> [u8; 32] {
        let mut out = [0; 32];
        out.copy_from_slice(self.0.finish().as_ref());
        out
    }
}
