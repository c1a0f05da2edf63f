//! Where entries are kept.

pub(crate) mod chunked;
pub(crate) mod disk;
pub(crate) mod eviction;
mod find;
pub(crate) mod index;
mod key_hasher;
pub(crate) mod packed;
pub(crate) mod slot;
