//! The disk store as a cache uses it.

mod failures;
#[cfg(target_os = "linux")]
mod files;
mod kept;
mod parts;
mod spill;
mod threads;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::cache::{Cache, CacheSettings};
use crate::key::KeySecret;
use crate::rules::policy::Policy;
use crate::store::disk::seal::DiskKey;
use crate::store::disk::store::DiskSettings;

pub(super) const MIB: u64 = 1 << 20;
pub(super) const WAIT: Duration = Duration::from_secs(120);

pub(super) fn settings(folder: &Path, key: Option<[u8; 32]>) -> CacheSettings {
    CacheSettings {
        policy: Policy::shared(),
        memory: 16 * MIB,
        disk: Some(DiskSettings {
            folder: folder.to_owned(),
            limit: 64 * MIB,
            key: key.map(DiskKey::new),
        }),
    }
}

pub(super) fn open(folder: &Path, key: Option<[u8; 32]>) -> Arc<Cache> {
    Cache::new(settings(folder, key), KeySecret([7; 16]))
}

pub(super) fn body_of(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 131 % 251) as u8).collect()
}

pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// Objects in a folder.
pub(super) fn objects(folder: &Path) -> usize {
    files(&folder.join("objects")).len()
}
