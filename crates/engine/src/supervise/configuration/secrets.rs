//! Keyring secrets that were read already. The supervisor never asks the keyring itself: it may wait for the user.

use std::collections::HashMap;
use std::sync::Arc;

use privet_config::{Config, Keyring, KeyringError, Secret};
use secrecy::{ExposeSecret, SecretString};

use crate::caches::disk_key::{self, CACHE_KEY};
use crate::inspection::AUTHORITY_ENTRY;

/// What the keyring answered, by the entry's name.
type Answers = HashMap<String, Result<SecretString, KeyringError>>;

/// What an entry is read as that is not in the cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum MissingSecret {
    /// An error.
    #[default]
    Refused,
    /// Any text: nothing is connected with it.
    Placeholder,
}

/// Keyring secrets by name, as a [`Keyring`] that answers at once.
#[derive(Clone, Default)]
pub(crate) struct KeyringCache {
    answers: Arc<Answers>,
    missing: MissingSecret,
}

impl KeyringCache {
    /// Reads the entries that `config` names and `known` does not hold. Blocking: the keyring may ask the user.
    pub(crate) fn read(
        config: &Config,
        known: &Self,
        keyring: &(dyn Keyring + Send + Sync),
    ) -> Self {
        let entries = names(config).map(|name| {
            let answer = match known.answers.get(name) {
                Some(Ok(secret)) => Ok(secret.clone()),
                _ if name == CACHE_KEY => disk_key::read_or_make(keyring),
                _ => keyring.read(name),
            };
            (name.to_owned(), answer)
        });
        Self {
            answers: Arc::new(entries.collect()),
            missing: MissingSecret::Refused,
        }
    }

    /// Whether the keyring was asked for every entry that `config` names.
    pub(crate) fn covers(&self, config: &Config) -> bool {
        names(config).all(|name| self.answers.contains_key(name))
    }

    /// These entries and those of `other`, which win.
    pub(crate) fn merged(&self, other: &Self) -> Self {
        let mut answers = (*self.answers).clone();
        let others = other.answers.iter();
        answers.extend(others.map(|(name, answer)| (name.clone(), answer.clone())));
        Self {
            answers: Arc::new(answers),
            missing: self.missing,
        }
    }

    /// All entries but this one, which is read again.
    pub(crate) fn without(&self, name: &str) -> Self {
        let mut answers = (*self.answers).clone();
        answers.remove(name);
        Self {
            answers: Arc::new(answers),
            missing: self.missing,
        }
    }

    /// The entries that `read` holds a secret for which is not the one known here.
    pub(crate) fn changed(&self, read: &Self) -> Self {
        let is_new = |name: &str, secret: &SecretString| match self.answers.get(name) {
            Some(Ok(known)) => known.expose_secret() != secret.expose_secret(),
            _ => true,
        };
        let changed = read.answers.iter().filter_map(|(name, answer)| {
            let secret = answer.as_ref().ok()?;
            is_new(name, secret).then(|| (name.clone(), Ok(secret.clone())))
        });
        Self {
            answers: Arc::new(changed.collect()),
            missing: self.missing,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    /// Answers entries that it does not hold with a placeholder: for a policy that connects nowhere.
    pub(crate) fn with_placeholders(self) -> Self {
        Self {
            missing: MissingSecret::Placeholder,
            ..self
        }
    }

    /// The entries that `config` names.
    pub(crate) fn only_for(&self, config: &Config) -> Self {
        let kept = names(config)
            .filter_map(|name| Some((name.to_owned(), self.answers.get(name)?.clone())));
        Self {
            answers: Arc::new(kept.collect()),
            missing: MissingSecret::Refused,
        }
    }
}

impl Keyring for KeyringCache {
    fn read(&self, name: &str) -> Result<SecretString, KeyringError> {
        match (self.answers.get(name), self.missing) {
            (Some(Ok(secret)), _) => Ok(secret.clone()),
            (_, MissingSecret::Placeholder) => Ok("placeholder".to_owned().into()),
            (Some(Err(error)), MissingSecret::Refused) => Err(error.clone()),
            (None, MissingSecret::Refused) => Err(KeyringError::Failed(
                "the entry was not read yet; apply the configuration again".to_owned(),
            )),
        }
    }
}

/// Names of the keyring entries that `config` needs.
fn names(config: &Config) -> impl Iterator<Item = &str> {
    let users = config.listen.users.iter().map(|user| &user.password);
    let upstreams = config.upstreams.iter();
    let upstreams = upstreams.filter_map(|upstream| upstream.password.as_ref());
    let redis = config.cache.redis.iter();
    let redis = redis.flat_map(|redis| redis.password.iter().chain(&redis.secret));
    let named = users
        .chain(upstreams)
        .chain(redis)
        .filter_map(|secret| match secret {
            Secret::Keyring(name) => Some(name.as_str()),
            _ => None,
        });
    let own = [
        config.inspect.enabled.then_some(AUTHORITY_ENTRY),
        disk_key::is_wanted(config).then_some(CACHE_KEY),
    ];
    named.chain(own.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Default)]
    struct CountingKeyring(AtomicUsize);

    impl Keyring for CountingKeyring {
        fn read(&self, name: &str) -> Result<SecretString, KeyringError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(name.to_owned().into())
        }
    }

    fn config(names: &[&str]) -> Config {
        let upstream = |name: &&str| {
            format!(
                "[[upstream]]\nname = \"{name}\"\nurl = \"socks5://127.0.0.1:1\"\nusername = \"u\"\npassword = {{ keyring = \"{name}\" }}\n"
            )
        };
        let text: String = names.iter().map(upstream).collect();
        Config::parse(&text, Path::new("/")).unwrap().config
    }

    #[test]
    fn a_known_secret_is_not_read_again() {
        let keyring = CountingKeyring::default();
        let first = KeyringCache::read(&config(&["a"]), &KeyringCache::default(), &keyring);
        let both = config(&["a", "b"]);
        assert!(!first.covers(&both));
        let second = KeyringCache::read(&both, &first, &keyring);
        assert!(second.covers(&both));
        assert_eq!(keyring.0.load(Ordering::Relaxed), 2);
        assert!(second.only_for(&config(&["a"])).read("b").is_err());
    }

    #[test]
    fn a_preview_reads_nothing() {
        let cache = KeyringCache::default();
        assert!(cache.read("a").is_err());
        assert!(cache.with_placeholders().read("a").is_ok());
    }
}
