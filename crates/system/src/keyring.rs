//! The desktop's keyring: Secret Service on Linux and other Unix systems, Keychain on macOS, Credential Manager on
//! Windows.
//!
//! Each call runs on a separate thread: the Secret Service's library panics on a runtime's thread, and a locked keyring may
//! wait for the user. The store is opened for each call, so that a keyring that starts later is found.

#[cfg(all(unix, not(target_os = "macos")))]
mod status;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use keyring_core::api::CredentialStoreApi;
use keyring_core::{Entry, Error};
use privet_config::{Keyring, KeyringError, KeyringStatus};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

/// The service name of Privet's entries.
pub const SERVICE: &str = "privet";
/// How long the user may take to unlock the keyring.
const UNLOCK_TIMEOUT: Duration = Duration::from_secs(60);
/// Maximum of pending calls; past it the keyring counts as hung.
const MAX_PENDING_CALLS: usize = 16;

/// The keyring of this session.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemKeyring;

impl Keyring for SystemKeyring {
    /// Blocks while the keyring asks the user to unlock it, for a minute at most.
    fn read(&self, name: &str) -> Result<SecretString, KeyringError> {
        on_entry(name, |entry| {
            let secret = Zeroizing::new(entry.get_password()?);
            Ok(SecretString::from(secret.as_str()))
        })
    }

    fn write(&self, name: &str, secret: &SecretString) -> Result<(), KeyringError> {
        let secret = secret.clone();
        on_entry(name, move |entry| {
            entry.set_password(secret.expose_secret())
        })
    }

    fn delete(&self, name: &str) -> Result<(), KeyringError> {
        on_entry(name, Entry::delete_credential)
    }

    fn status(&self, names: &[String]) -> Result<KeyringStatus, KeyringError> {
        let names = names.to_vec();
        on_thread(move || status::read(SERVICE, &names))
    }
}

impl SystemKeyring {
    /// Checks whether a keyring answers.
    ///
    /// # Errors
    /// [`KeyringError::NoService`] where none runs.
    pub fn probe(&self) -> Result<(), KeyringError> {
        on_thread(|| store().map(|_| ()))
    }
}

fn on_entry<T: Send + 'static>(
    name: &str,
    work: impl FnOnce(&Entry) -> keyring_core::Result<T> + Send + 'static,
) -> Result<T, KeyringError> {
    let name = name.to_owned();
    on_thread(move || {
        let store = store()?;
        let label = format!("Privet: {name}");
        let modifiers = modifiers(&label);
        let entry = store
            .build(SERVICE, &name, modifiers.as_ref())
            .map_err(explain)?;
        work(&entry).map_err(explain)
    })
}

/// A call that waits for the keyring.
struct PendingCall;

static PENDING: AtomicUsize = AtomicUsize::new(0);

impl PendingCall {
    fn begin() -> Option<Self> {
        let call = Self;
        (PENDING.fetch_add(1, Ordering::Relaxed) < MAX_PENDING_CALLS).then_some(call)
    }
}

/// Also after a panic.
impl Drop for PendingCall {
    fn drop(&mut self) {
        PENDING.fetch_sub(1, Ordering::Relaxed);
    }
}

fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, KeyringError> + Send + 'static,
) -> Result<T, KeyringError> {
    let failed = |text: &str| KeyringError::Failed(text.to_owned());
    let pending =
        PendingCall::begin().ok_or_else(|| failed("it has not answered earlier questions"))?;
    let (done, answer) = sync_channel(1);
    let thread = thread::Builder::new().name("keyring".to_owned());
    let spawned = thread.spawn(move || {
        let _pending = pending;
        let _ = done.send(work());
    });
    if spawned.is_err() {
        return Err(failed("the system gave no thread to ask it"));
    }
    match answer.recv_timeout(UNLOCK_TIMEOUT) {
        Ok(answer) => answer,
        // It still waits for the user.
        Err(RecvTimeoutError::Timeout) => Err(KeyringError::Locked),
        // The thread ended without an answer.
        Err(RecvTimeoutError::Disconnected) => Err(KeyringError::Crashed),
    }
}

#[cfg(all(unix, not(target_os = "macos")))]
fn store() -> Result<Arc<dyn CredentialStoreApi>, KeyringError> {
    let store = zbus_secret_service_keyring_store::Store::new();
    // Opening the store only connects to the session bus and the service on it.
    store
        .map(|store| store as Arc<dyn CredentialStoreApi>)
        .map_err(|_| KeyringError::NoService)
}

#[cfg(target_os = "macos")]
fn store() -> Result<Arc<dyn CredentialStoreApi>, KeyringError> {
    let store = apple_native_keyring_store::keychain::Store::new();
    store
        .map(|store| store as Arc<dyn CredentialStoreApi>)
        .map_err(explain)
}

#[cfg(windows)]
fn store() -> Result<Arc<dyn CredentialStoreApi>, KeyringError> {
    let store = windows_native_keyring_store::Store::new();
    store
        .map(|store| store as Arc<dyn CredentialStoreApi>)
        .map_err(explain)
}

/// Only the Secret Service answers without prompting.
#[cfg(not(all(unix, not(target_os = "macos"))))]
mod status {
    use privet_config::{KeyringError, KeyringStatus};

    pub(super) fn read(_service: &str, names: &[String]) -> Result<KeyringStatus, KeyringError> {
        let stored = names.iter().map(|_| None).collect();
        Ok(KeyringStatus {
            locked: false,
            stored,
        })
    }
}

/// The entry's label in keyring managers, where the store takes one.
fn modifiers(label: &str) -> Option<HashMap<&'static str, &str>> {
    cfg!(all(unix, not(target_os = "macos"))).then(|| HashMap::from([("label", label)]))
}

/// Never includes what was read: errors must not contain secrets.
fn explain(error: Error) -> KeyringError {
    match error {
        Error::NoEntry => KeyringError::NoEntry,
        Error::NoStorageAccess(_) => KeyringError::Locked,
        Error::NoDefaultStore => KeyringError::NoService,
        Error::PlatformFailure(cause) => KeyringError::Failed(cause.to_string()),
        Error::BadEncoding(_) => KeyringError::Failed("the entry is not text".to_owned()),
        Error::BadDataFormat(..) => KeyringError::Failed("the entry is damaged".to_owned()),
        Error::Ambiguous(found) => KeyringError::Failed(format!(
            "{} entries have that name: delete all but one",
            found.len()
        )),
        other => KeyringError::Failed(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyring_that_panics_is_not_locked_and_does_not_count_as_pending() {
        for _ in 0..=MAX_PENDING_CALLS {
            let answer = on_thread::<()>(|| panic!("the library's own"));
            assert_eq!(answer, Err(KeyringError::Crashed));
        }
        assert_eq!(on_thread(|| Ok(1)), Ok(1));
    }
}
