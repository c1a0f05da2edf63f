//! The HTTP caches: one for the clients of the proxy, one for all sites.

use std::sync::Arc;

use privet_cache::{Cache, CacheSettings, Change, KeySecret, Policy, Selection};
use privet_config::Config;

/// The caches of a configuration. They outlive it: a reload takes them over.
#[derive(Clone, Default)]
pub struct Caches {
    pub forward: Option<Arc<Cache>>,
    pub sites: Option<Arc<Cache>>,
}

impl Caches {
    /// The caches that the configuration wants, with what `previous` holds.
    pub(crate) fn build(config: &Config, previous: Option<&Self>) -> Self {
        let forward = config.cache.enabled;
        let sites = config.sites.iter().any(|site| site.cache);
        // One limit for both.
        let memory = match forward && sites {
            true => config.cache.memory / 2,
            false => config.cache.memory,
        };
        let policy = match config.cache.shared {
            true => Policy::shared(),
            false => Policy::private(),
        };
        let before = previous.cloned().unwrap_or_default();
        let kept = before
            .forward
            .filter(|cache| cache.policy().shared == policy.shared);
        Self {
            forward: forward.then(|| cache(kept, policy, memory)),
            sites: sites.then(|| cache(before.sites, Policy::site(), memory)),
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

fn cache(kept: Option<Arc<Cache>>, policy: Policy, memory: u64) -> Arc<Cache> {
    match kept {
        Some(cache) => {
            cache.set_memory(memory);
            cache
        }
        None => Cache::new(
            CacheSettings {
                policy,
                memory,
                disk: None,
            },
            secret(),
        ),
    }
}

/// Where the system has no random bytes, keys can be guessed; two URLs still never share an entry.
fn secret() -> KeySecret {
    let mut secret = [0; 16];
    if let Err(error) = getrandom::fill(&mut secret) {
        tracing::warn!("no random bytes for the keys of the cache: {error}");
    }
    KeySecret(secret)
}
