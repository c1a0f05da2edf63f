//! The key under which entries on disk are encrypted: an entry of the keyring, made when it is first needed.

use privet_cache::DiskKey;
use privet_config::{Config, Keyring, KeyringError};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

/// The keyring's entry, as 64 hexadecimal digits.
pub(crate) const CACHE_KEY: &str = "cache key";
const KEY_LEN: usize = 32;

/// Whether the configuration keeps encrypted entries on disk.
pub(crate) fn is_wanted(config: &Config) -> bool {
    let is_used = config.cache.enabled || config.sites.iter().any(|site| site.cache);
    config.cache.encrypt && config.cache.disk > 0 && is_used
}

/// The key's entry; a keyring without one gets a new one. Blocks.
pub(crate) fn read_or_make(
    keyring: &(dyn Keyring + Send + Sync),
) -> Result<SecretString, KeyringError> {
    match keyring.read(CACHE_KEY) {
        Err(KeyringError::NoEntry) => {}
        found => return found,
    }
    let mut key = Zeroizing::new([0; KEY_LEN]);
    getrandom::fill(&mut *key)
        .map_err(|error| KeyringError::Failed(format!("no random bytes for a key: {error}")))?;
    let digits: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let secret = SecretString::from(digits);
    keyring.write(CACHE_KEY, &secret)?;
    // Read back: a key that is not kept would make everything on disk useless at the next start.
    keyring.read(CACHE_KEY)
}

/// The key in what the keyring holds; `None`: it is not one.
pub(crate) fn parse(secret: &SecretString) -> Option<DiskKey> {
    let digits = secret.expose_secret().as_bytes();
    if digits.len() != 2 * KEY_LEN {
        return None;
    }
    let mut key = Zeroizing::new([0; KEY_LEN]);
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).ok()?;
        // A sign is no digit.
        if !pair.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(DiskKey::new(*key))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A keyring in memory; `None`: it has no entry.
    #[derive(Default)]
    struct Memory(Mutex<Option<SecretString>>);

    impl Keyring for Memory {
        fn read(&self, name: &str) -> Result<SecretString, KeyringError> {
            assert_eq!(name, CACHE_KEY);
            let entry = self.0.lock().expect("no panic").clone();
            entry.ok_or(KeyringError::NoEntry)
        }

        fn write(&self, _: &str, secret: &SecretString) -> Result<(), KeyringError> {
            *self.0.lock().expect("no panic") = Some(secret.clone());
            Ok(())
        }
    }

    #[test]
    fn the_key_is_made_once_and_read_again() {
        let keyring = Memory::default();
        let made = read_or_make(&keyring).expect("made");
        assert_eq!(made.expose_secret().len(), 64);
        let again = read_or_make(&keyring).expect("read");
        assert_eq!(made.expose_secret(), again.expose_secret());
        assert!(parse(&made).is_some());
        let other = read_or_make(&Memory::default()).expect("made");
        assert_ne!(made.expose_secret(), other.expose_secret());
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in [
            "",
            "placeholder",
            &"+1".repeat(32),
            &"é".repeat(32),
            &"0".repeat(63),
        ] {
            assert!(parse(&SecretString::from(text)).is_none(), "{text}");
        }
        assert!(parse(&SecretString::from("0F".repeat(32))).is_some());
    }
}
