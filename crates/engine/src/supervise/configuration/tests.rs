//! What must not wait: a switch of the mode while the keyring asks its user, and a preview.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use privet_config::{Keyring, KeyringError};
use secrecy::SecretString;

use crate::{ApplyMode, ChangeSource, Engine, EngineOptions};

const LISTEN: &str = "mode = \"standard\"\n[listen]\nmixed = [\"127.0.0.1:0\"]\npac = \"\"\n";

/// Answers once the test lets it.
struct WaitingKeyring {
    reads: AtomicUsize,
    asked: mpsc::Sender<()>,
    released: Mutex<mpsc::Receiver<()>>,
}

impl Keyring for WaitingKeyring {
    fn read(&self, _name: &str) -> Result<SecretString, KeyringError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let _ = self.asked.send(());
        let _ = self.released.lock().unwrap().recv();
        Ok("secret".to_owned().into())
    }
}

/// The keyring; a message for each read; and what a read waits for: a message, or the end of the sender.
fn waiting_keyring() -> (Arc<WaitingKeyring>, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (asked, asks) = mpsc::channel();
    let (release, released) = mpsc::channel();
    let keyring = WaitingKeyring {
        reads: AtomicUsize::new(0),
        asked,
        released: Mutex::new(released),
    };
    (Arc::new(keyring), asks, release)
}

fn with_upstream() -> String {
    format!(
        "{LISTEN}[[upstream]]\nname = \"office\"\nurl = \"socks5://127.0.0.1:1\"\nusername = \"u\"\npassword = {{ keyring = \"office\" }}\n"
    )
}

async fn engine(folder: &std::path::Path, keyring: Arc<WaitingKeyring>) -> Engine {
    let config_path = folder.join("privet.toml");
    std::fs::write(&config_path, LISTEN).unwrap();
    let options = EngineOptions {
        config_path,
        data_dir: folder.to_owned(),
        keyring,
        adopted: Vec::new(),
        threads: Some(1),
    };
    Engine::start(options).await.unwrap()
}

#[tokio::test]
async fn a_mode_switch_does_not_wait_for_the_keyring_and_a_known_secret_is_not_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let (keyring, asks, release) = waiting_keyring();
    let engine = engine(folder.path(), keyring.clone()).await;

    let preview = engine
        .apply(ChangeSource::Api, with_upstream(), None, ApplyMode::DryRun)
        .await;
    assert!(preview.is_ok());
    assert_eq!(
        keyring.reads.load(Ordering::Relaxed),
        0,
        "previews ask nothing"
    );

    let applying = tokio::spawn({
        let engine = engine.clone();
        let base = Some(LISTEN.to_owned());
        async move {
            let text = with_upstream();
            engine
                .apply(ChangeSource::Api, text, base, ApplyMode::Commit)
                .await
        }
    });
    tokio::task::spawn_blocking(move || asks.recv().unwrap())
        .await
        .unwrap();
    let switch = engine.set_mode(ChangeSource::Api, "strict", None);
    let (state, change) = tokio::time::timeout(Duration::from_secs(10), switch)
        .await
        .expect("it does not wait for the keyring")
        .unwrap();
    assert_eq!((state.name.as_str(), change.is_some()), ("strict", true));
    assert_eq!(engine.config().mode, "strict");

    release.send(()).unwrap();
    applying.await.unwrap().unwrap();
    assert_eq!(
        engine.mode().name,
        "strict",
        "the edit did not set the mode back"
    );
    assert_eq!(engine.config().upstreams.len(), 1);
    let text = std::fs::read_to_string(folder.path().join("privet.toml")).unwrap();
    assert!(
        text.contains("mode = \"strict\"") && text.contains("office"),
        "{text}"
    );

    drop(release);
    let more = format!("{text}[filter]\ndeny = [\"a.test\"]\n");
    let applied = engine
        .apply(ChangeSource::Api, more, Some(text), ApplyMode::Commit)
        .await;
    assert!(applied.is_ok());
    assert_eq!(
        keyring.reads.load(Ordering::Relaxed),
        1,
        "the secret is reused"
    );
    engine.stop(Duration::ZERO).await;
}

#[tokio::test]
async fn a_reload_applies_the_file_before_it_asks_the_keyring_again() {
    let folder = tempfile::tempdir().unwrap();
    let (keyring, asks, release) = waiting_keyring();
    let engine = engine(folder.path(), keyring.clone()).await;
    release.send(()).unwrap();
    let applied = engine.apply(ChangeSource::Api, with_upstream(), None, ApplyMode::Commit);
    applied.await.unwrap();
    asks.recv().unwrap();

    let strict = with_upstream().replace("\"standard\"", "\"strict\"");
    std::fs::write(folder.path().join("privet.toml"), strict).unwrap();
    tokio::time::timeout(Duration::from_secs(10), engine.reload())
        .await
        .expect("it does not wait for the keyring")
        .unwrap();
    assert_eq!(engine.config().mode, "strict");
    // Then it is read again, once at a time.
    tokio::task::spawn_blocking(move || asks.recv().unwrap())
        .await
        .unwrap();
    engine.reload().await.unwrap();
    assert_eq!(keyring.reads.load(Ordering::Relaxed), 2);
    drop(release);
    engine.stop(Duration::ZERO).await;
}

#[tokio::test]
async fn a_file_that_is_deleted_while_the_engine_starts_is_not_taken_for_the_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let (keyring, asks, release) = waiting_keyring();
    let config_path = folder.path().join("privet.toml");
    std::fs::write(&config_path, with_upstream()).unwrap();
    let options = EngineOptions {
        config_path: config_path.clone(),
        data_dir: folder.path().to_owned(),
        keyring,
        adopted: Vec::new(),
        threads: Some(1),
    };
    let starting = tokio::spawn(Engine::start(options));
    tokio::task::spawn_blocking(move || asks.recv().unwrap())
        .await
        .unwrap();
    std::fs::remove_file(&config_path).unwrap();
    drop(release);
    let engine = starting.await.unwrap().unwrap();
    assert_eq!(engine.edit_base().await.unwrap(), with_upstream());
    engine.stop(Duration::ZERO).await;
}

#[tokio::test]
async fn a_preview_opens_no_listener() {
    let folder = tempfile::tempdir().unwrap();
    let (keyring, _asks, _release) = waiting_keyring();
    let engine = engine(folder.path(), keyring).await;
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = held.local_addr().unwrap();
    let text = LISTEN.replace("127.0.0.1:0", &address.to_string());
    let preview = engine
        .apply(ChangeSource::Api, text, None, ApplyMode::DryRun)
        .await
        .unwrap();
    assert_eq!(preview.opened, [address]);
    engine.stop(Duration::ZERO).await;
}
