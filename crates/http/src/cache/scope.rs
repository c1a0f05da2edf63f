//! Which cache a request may use, as its service says.

use std::sync::Arc;

use privet_cache::Cache;

/// The part of a cache that a request may use.
#[derive(Clone, Copy)]
pub struct CacheScope<'a> {
    pub cache: &'a Arc<Cache>,
    /// The name of the site; empty on the forward side, which no site can be named.
    pub space: &'a str,
    /// "http" or "https": of the URL that the client asks for.
    pub scheme: &'static str,
    pub kind: CacheKind,
    /// Whether entries may outlive the process.
    pub keep_on_disk: bool,
    /// Whether connections on its route have credentials of their own, so that each way to the origin is another identity.
    pub isolates: bool,
}

impl CacheScope<'_> {
    /// Whose entries are stored: what is purged together.
    pub fn owner(&self) -> u64 {
        match self.kind {
            CacheKind::Shared => 0,
            CacheKind::Private([a, b, c, d, e, f, g, h, ..]) => {
                u64::from_le_bytes([a, b, c, d, e, f, g, h])
            }
        }
    }
}

/// Who may be answered by a stored response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheKind {
    /// Everybody: the rules for shared caches hold.
    Shared,
    /// Only who stored it: the hash of user, client, program, route, isolation and identity. The page and the
    /// credentials of the request are added here.
    Private([u8; 16]),
}
