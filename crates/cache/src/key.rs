//! The primary cache key: everything that makes two stored responses not interchangeable, but for what `Vary` names.
//!
//! Keyed are: which cache it is (the forward side, or one site), who asks where the cache is private, scheme, host, port,
//! path and query as sent to the origin, and the fields that name others ([`KEYED_FIELDS`], `Forwarded` and all that begin
//! with one of [`KEYED_PREFIXES`], but for those that name the client). Those are fields that some servers build links,
//! redirects and routes from: without them in the key, one client could plant a response that others get. Not keyed, and
//! therefore never answered from the store nor kept: requests with a body, and with a field of [`METHOD_OVERRIDES`].
//! Nothing is decoded or normalised, so that two URLs which a server could tell apart never share
//! a key.

use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher13};

pub(crate) use crate::rules::keyed::is_keyed;
pub use crate::rules::keyed::{KEYED_FIELDS, KEYED_PREFIXES, MAX_PATH, METHOD_OVERRIDES};
use crate::rules::request::{Request, Target};

/// Secret of one installation or store, so that nobody can prepare two URLs with one key.
#[derive(Clone, Copy)]
pub struct KeySecret(pub [u8; 16]);

/// A 128-bit keyed hash. Stores compare the URL as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub u128);

impl Key {
    /// `space` is which cache it is: the forward side or a site's name. `partition` is who asks, empty in a shared cache.
    pub fn new(secret: &KeySecret, space: &str, partition: &[u8], request: &Request<'_>) -> Key {
        let mut hasher = Key::hasher(secret, space, partition, &request.target);
        if request.present.keyed_input {
            request.fields.for_each(&mut |name, value| {
                if is_keyed(name) {
                    write_part(&mut hasher, &name.to_ascii_lowercase());
                    write_part(&mut hasher, value);
                }
            });
        }
        Key(hasher.finish128().as_u128())
    }

    /// The key of a request without keyed fields: what is purged or invalidated by its URL.
    pub fn of_target(
        secret: &KeySecret,
        space: &str,
        partition: &[u8],
        target: &Target<'_>,
    ) -> Key {
        let hasher = Key::hasher(secret, space, partition, target);
        Key(hasher.finish128().as_u128())
    }

    /// Each part is hashed with its length, so that no two lists of parts are alike.
    fn hasher(
        secret: &KeySecret,
        space: &str,
        partition: &[u8],
        target: &Target<'_>,
    ) -> SipHasher13 {
        let mut hasher = SipHasher13::new_with_key(&secret.0);
        hasher.write_u16(target.port);
        for part in [
            space.as_bytes(),
            partition,
            target.scheme.as_bytes(),
            target.host.as_bytes(),
            target.path_and_query,
        ] {
            write_part(&mut hasher, part);
        }
        hasher
    }
}

fn write_part(hasher: &mut SipHasher13, part: &[u8]) {
    hasher.write_u64(part.len() as u64);
    hasher.write(part);
}
