//! The HTTP caches: one for the clients of the proxy, one for all sites.

pub(crate) mod disk_key;
mod folders;
mod shared;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use privet_cache::shared::{SharedStats, SharedStore};
use privet_cache::{
    Cache, CacheSettings, DiskKey, DiskSettings, EntryChange, EntrySelector, KeySecret, Policy,
    Pools, key_secret,
};
use privet_cache_redis::RedisStore;
use privet_config::{Config, Keyring};

use self::disk_key::CACHE_KEY;
use crate::problems::Problems;

/// How long a disk may take.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);
/// What a problem with the key is about.
const PROBLEM: &str = "cache";

/// The caches of a configuration. They outlive it: a reload takes them over.
#[derive(Clone, Default)]
pub struct Caches {
    pub forward: Option<Arc<Cache>>,
    pub sites: Option<Arc<Cache>>,
    /// What other machines have too, for those of them that are shared.
    shared: Option<Arc<RedisStore>>,
    /// What they have together.
    pools: Option<Pools>,
    limits: Limits,
    /// The folders that the configuration wants.
    folders: Vec<String>,
    /// Why nothing is kept on disk although the configuration wants it.
    problem: Option<String>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Limits {
    /// Bytes of memory of all of them.
    memory: u64,
    /// Bytes on disk of all of them.
    disk: u64,
}

/// Where entries may be kept, and how.
#[derive(Clone)]
enum EntryStorage {
    Memory,
    Disk {
        folder: PathBuf,
        key: Option<DiskKey>,
    },
}

impl Caches {
    /// The caches that the configuration wants, with what `previous` holds. `folder`: where entries may be kept. Blocks while
    /// the index of a folder is read.
    pub(crate) fn build(
        config: &Config,
        folder: Option<&Path>,
        keyring: &dyn Keyring,
        previous: Option<&Self>,
    ) -> Self {
        let forward = config.cache.enabled;
        let sites = config.sites.iter().any(|site| site.cache);
        // One limit for both: memory and disk go to who wants them.
        let limits = Limits {
            memory: config.cache.memory,
            disk: config.cache.disk,
        };
        let (policy, name) = match config.cache.shared {
            true => (Policy::shared(), "shared"),
            false => (Policy::private(), "private"),
        };
        let encrypts = config.cache.encrypt;
        let stores = [(forward, name), (sites, "sites")];
        let wanted = stores.iter().filter(|(on, _)| *on && limits.disk > 0);
        let folders: Vec<String> = wanted
            .map(|(_, name)| folders::name(name, encrypts))
            .collect();
        if let (Some(root), None) = (folder, previous) {
            folders::remove_others(root, &folders);
        }
        let (key, problem) = key_of(config, folder.is_some(), keyring);
        let storage = |name: &str| match folder {
            Some(root) if limits.disk > 0 && (!encrypts || key.is_some()) => EntryStorage::Disk {
                folder: root.join(folders::name(name, encrypts)),
                key: key.clone(),
            },
            _ => EntryStorage::Memory,
        };
        let before = previous.cloned().unwrap_or_default();
        let pools = before
            .pools
            .unwrap_or_else(|| Pools::new(limits.memory, limits.disk));
        let build = |wanted: bool, kept: Option<Arc<Cache>>, policy: Policy, name: &str| {
            let storage = storage(name);
            let kept = kept.filter(|cache| fits(cache, &policy, &storage));
            wanted.then(|| kept.unwrap_or_else(|| open(policy, &pools, limits, storage)))
        };
        Self {
            forward: build(forward, before.forward, policy, name),
            sites: build(sites, before.sites, Policy::site(), "sites"),
            shared: before.shared,
            pools: Some(pools),
            limits,
            folders,
            problem,
        }
    }

    /// With the store that the configuration wants between machines.
    ///
    /// # Errors
    /// It cannot be used, as a sentence.
    pub(crate) fn with_shared(
        self,
        config: &Config,
        own: &[SocketAddr],
        keyring: &dyn Keyring,
    ) -> Result<Self, String> {
        let shared = shared::build(config, own, keyring, self.shared.as_ref())?;
        Ok(Self { shared, ..self })
    }

    /// Connects the store between machines, and lets the caches use it. Called within a runtime.
    pub(crate) fn connect(&self) {
        if let (Some(shared), Ok(runtime)) = (&self.shared, tokio::runtime::Handle::try_current()) {
            shared.start(&runtime);
        }
        for cache in self.all() {
            let store = self.shared.clone();
            cache.set_shared_store(store.map(|store| store as Arc<dyn SharedStore>));
        }
    }

    /// The state of the store between machines, where there is one.
    pub fn shared_stats(&self) -> Option<SharedStats> {
        self.shared.as_ref().map(|store| store.stats())
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Cache>> {
        [&self.forward, &self.sites].into_iter().flatten()
    }

    /// Applies the limits of this configuration.
    pub(crate) fn apply_limits(&self) {
        if let Some(pools) = &self.pools {
            pools.memory.set_limit(self.limits.memory);
            pools.disk.set_limit(self.limits.disk);
        }
    }

    /// Tells why nothing is kept on disk, or that nothing is wrong any more.
    pub(crate) fn report(&self, problems: &Problems) {
        match &self.problem {
            Some(text) => problems.raise_if_new(
                PROBLEM,
                text.as_str(),
                "unlock or start the keyring, then reload; or set encrypt = false or disk = 0 in [cache]",
            ),
            None => problems.clear(PROBLEM),
        }
    }

    /// Waits until all changes are on disk. Blocks.
    pub(crate) fn flush(&self) {
        for cache in self.all() {
            cache.flush(FLUSH_TIMEOUT);
        }
    }

    /// Writes what waits to be written. Blocks.
    pub(crate) fn close(&self) {
        for cache in self.all() {
            cache.close();
        }
    }

    /// Closes the caches that `now` does not have, and removes the folders that it does not want. Blocks.
    pub(crate) fn retire(&self, now: &Self, root: &Path) {
        let is_kept = |cache: &Arc<Cache>| now.all().any(|other| Arc::ptr_eq(cache, other));
        for cache in self.all().filter(|cache| !is_kept(cache)) {
            cache.close();
        }
        if self.folders != now.folders {
            folders::remove_others(root, &now.folders);
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
            cache.change(&EntrySelector::All, EntryChange::Remove);
        }
    }
}

/// The key of the disk, and why there is none although one is needed. `serves`: the caches are going to be used.
fn key_of(
    config: &Config,
    serves: bool,
    keyring: &dyn Keyring,
) -> (Option<DiskKey>, Option<String>) {
    if !serves || !disk_key::is_wanted(config) {
        return (None, None);
    }
    let without =
        "the cache is kept in memory only, since its entries on disk could not be encrypted";
    match keyring.read(CACHE_KEY) {
        Ok(secret) => match disk_key::parse(&secret) {
            Some(key) => (Some(key), None),
            None => {
                let text = format!("{without}: the keyring's entry \"{CACHE_KEY}\" is not a key");
                (None, Some(text))
            }
        },
        Err(error) => (None, Some(format!("{without}: {error}"))),
    }
}

/// Whether a cache can go on under this policy and in this storage.
fn fits(cache: &Cache, policy: &Policy, storage: &EntryStorage) -> bool {
    let same_place = match storage {
        EntryStorage::Memory => cache.folder().is_none(),
        EntryStorage::Disk { folder, .. } => cache.folder() == Some(folder),
    };
    cache.policy().shared == policy.shared && same_place
}

fn open(policy: Policy, pools: &Pools, limits: Limits, storage: EntryStorage) -> Arc<Cache> {
    // Keys have to be the same for as long as the entries live.
    let (secret, disk) = match storage {
        EntryStorage::Memory => (random_secret(), None),
        EntryStorage::Disk { folder, key } => match key_secret(&folder) {
            Ok(secret) => {
                let limit = limits.disk;
                (secret, Some(DiskSettings { folder, limit, key }))
            }
            Err(error) => {
                let storage = folder.display();
                tracing::warn!("the cache is not kept on disk: {storage} cannot be used: {error}");
                (random_secret(), None)
            }
        },
    };
    let settings = CacheSettings {
        policy,
        memory: limits.memory,
        disk,
    };
    Cache::sharing(pools, settings, secret)
}

/// Where the system has no random bytes, keys can be guessed; two URLs still never share an entry.
fn random_secret() -> KeySecret {
    let mut secret = [0; 16];
    if let Err(error) = getrandom::fill(&mut secret) {
        tracing::warn!("no random bytes for the keys of the cache: {error}");
    }
    KeySecret(secret)
}
