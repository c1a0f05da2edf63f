//! The HTTP caches: one for the clients of the proxy, one for all sites.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use privet_cache::{
    Cache, CacheSettings, Change, DiskSettings, KeySecret, Policy, Selection, key_secret,
};
use privet_config::Config;

/// The caches of a configuration. They outlive it: a reload takes them over.
#[derive(Clone, Default)]
pub struct Caches {
    pub forward: Option<Arc<Cache>>,
    pub sites: Option<Arc<Cache>>,
    /// The most bytes of each, in memory and on disk.
    limits: Limits,
}

#[derive(Debug, Clone, Copy, Default)]
struct Limits {
    memory: u64,
    disk: u64,
}

impl Caches {
    /// The caches that the configuration wants, with what `previous` holds. `folder`: where entries may be kept. Blocks while
    /// the index of a folder is read.
    pub(crate) fn build(config: &Config, folder: Option<&Path>, previous: Option<&Self>) -> Self {
        let forward = config.cache.enabled;
        let sites = config.sites.iter().any(|site| site.cache);
        // One limit for both.
        let parts = if forward && sites { 2 } else { 1 };
        // Entries cannot be encrypted yet, so none is written.
        let disk = if config.cache.encrypt {
            0
        } else {
            config.cache.disk
        };
        let limits = Limits {
            memory: config.cache.memory / parts,
            disk: disk / parts,
        };
        let (policy, name) = match config.cache.shared {
            true => (Policy::shared(), "shared"),
            false => (Policy::private(), "private"),
        };
        let before = previous.cloned().unwrap_or_default();
        let build = |wanted: bool, kept: Option<Arc<Cache>>, policy: Policy, name: &str| {
            let place = folder.map(|folder| folder.join(name));
            if previous.is_none() && (disk == 0 || !wanted) {
                forget_folder(place.as_deref());
            }
            let place = place.filter(|_| limits.disk > 0);
            let fits = |cache: &Arc<Cache>| {
                cache.policy().shared == policy.shared
                    && cache.stats().disk.is_some() == place.is_some()
            };
            let kept = kept.filter(fits);
            wanted.then(|| kept.unwrap_or_else(|| open(policy.clone(), limits, place)))
        };
        Self {
            forward: build(forward, before.forward, policy, name),
            sites: build(sites, before.sites, Policy::site(), "sites"),
            limits,
        }
    }

    /// Lets the limits of this configuration hold.
    pub(crate) fn apply_limits(&self) {
        for cache in [&self.forward, &self.sites].into_iter().flatten() {
            cache.set_memory(self.limits.memory);
            cache.set_disk(self.limits.disk);
        }
    }

    /// Writes what waits to be written. Blocks.
    pub(crate) fn close(&self) {
        for cache in [&self.forward, &self.sites].into_iter().flatten() {
            cache.close();
        }
    }

    /// Whether the table of sites has this cache.
    pub(crate) fn is_of_sites(&self, cache: Option<&Arc<Cache>>) -> bool {
        match (&self.sites, cache) {
            (Some(own), Some(theirs)) => Arc::ptr_eq(own, theirs),
            (None, None) => true,
            _ => false,
        }
    }

    /// Removes what is stored for single clients.
    pub(crate) fn forget_private(&self) {
        if let Some(cache) = self.forward.as_ref().filter(|cache| !cache.policy().shared) {
            cache.change(&Selection::All, Change::Remove);
        }
    }
}

fn open(policy: Policy, limits: Limits, folder: Option<PathBuf>) -> Arc<Cache> {
    // Keys have to be the same for as long as the entries live.
    let (secret, folder) = match folder.map(|folder| (key_secret(&folder), folder)) {
        Some((Ok(secret), folder)) => (secret, Some(folder)),
        Some((Err(error), folder)) => {
            let place = folder.display();
            tracing::warn!("the cache is not kept on disk: {place} cannot be used: {error}");
            (random_secret(), None)
        }
        None => (random_secret(), None),
    };
    let settings = CacheSettings {
        policy,
        memory: limits.memory,
        disk: folder.map(|folder| DiskSettings {
            folder,
            limit: limits.disk,
            key: None,
        }),
    };
    Cache::new(settings, secret)
}

/// Removes what an earlier configuration kept on disk.
fn forget_folder(folder: Option<&Path>) {
    let Some(folder) = folder.filter(|folder| folder.exists()) else {
        return;
    };
    if let Err(error) = std::fs::remove_dir_all(folder) {
        tracing::warn!(
            "the cache in {} cannot be removed: {error}",
            folder.display()
        );
    }
}

/// Where the system has no random bytes, keys can be guessed; two URLs still never share an entry.
fn random_secret() -> KeySecret {
    let mut secret = [0; 16];
    if let Err(error) = getrandom::fill(&mut secret) {
        tracing::warn!("no random bytes for the keys of the cache: {error}");
    }
    KeySecret(secret)
}
