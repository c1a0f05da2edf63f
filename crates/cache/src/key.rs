//! The primary cache key: everything that makes two stored responses not interchangeable, but for what `Vary` names.

use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher13};

/// Secret of one installation or store, so that nobody can prepare two URLs with one key.
#[derive(Clone, Copy)]
pub struct KeySecret(pub [u8; 16]);

/// What a key is made of. Every part is hashed with its length, so that no two lists of parts are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyParts<'a> {
    /// Which cache: the forward side, or a site's name.
    pub space: &'a str,
    /// Who asks, for a private cache; empty for a shared one.
    pub partition: &'a [u8],
    /// In lower case.
    pub scheme: &'a str,
    /// In lower case, without port.
    pub host: &'a str,
    pub port: u16,
    /// Path and query as sent to the origin.
    pub path_and_query: &'a [u8],
    pub method: MethodClass,
}

/// Responses to GET and HEAD share a key; nothing else is stored under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MethodClass {
    /// GET, HEAD, and a POST's response that names its own URL in Content-Location.
    Get,
}

/// A 128-bit keyed hash. Equal keys still have their URL text compared by the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub u128);

impl Key {
    pub fn new(secret: &KeySecret, parts: &KeyParts<'_>) -> Key {
        let mut hasher = SipHasher13::new_with_key(&secret.0);
        let method = match parts.method {
            MethodClass::Get => 0,
        };
        hasher.write_u8(method);
        hasher.write_u16(parts.port);
        for part in [
            parts.space.as_bytes(),
            parts.partition,
            parts.scheme.as_bytes(),
            parts.host.as_bytes(),
            parts.path_and_query,
        ] {
            hasher.write_u64(part.len() as u64);
            hasher.write(part);
        }
        Key(hasher.finish128().as_u128())
    }
}
