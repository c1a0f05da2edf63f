//! Mode and configuration: switching, applying, reloading.

use std::sync::Arc;
use std::time::Duration;

use privet_config::Config;

use super::{Engine, SECRET_ATTEMPTS, stopped, stopping};
use crate::supervise::command::Command;
use crate::supervise::configuration::report::{ApplyError, ApplyMode, ApplyReport, ConfigSource};
use crate::supervise::configuration::secrets::KeyringCache;
use crate::supervise::mode::{ModeState, PauseLength};
use crate::supervise::timeline::{ChangeOrigin, ChangeSource};

/// How long a switch of the mode, which has taken effect by then, waits for its number in the timeline.
const RECORD_TIMEOUT: Duration = Duration::from_secs(2);

impl Engine {
    /// The current mode. Does not wait for the supervisor.
    pub fn mode(&self) -> ModeState {
        (**self.shared.mode.load()).clone()
    }

    /// Switches the mode at once; with `pause` for that long only. Also returns the change's number in the timeline;
    /// `None`: nothing was changed, or it is not recorded yet.
    ///
    /// # Errors
    /// No mode of that name.
    pub async fn set_mode(
        &self,
        source: ChangeSource,
        name: &str,
        pause: Option<PauseLength>,
    ) -> Result<(ModeState, Option<u64>), ApplyError> {
        let switch = self.shared.switch_mode(name, pause)?;
        let state = switch.after.state();
        let (engine, by) = (self.clone(), source.into());
        // A task of its own, so that a caller that stops waiting does not stop it.
        let recording = tokio::spawn(async move {
            let record = |reply| Command::RecordModeSwitch { switch, by, reply };
            engine.request(record).await.flatten()
        });
        let recorded = tokio::time::timeout(RECORD_TIMEOUT, recording).await;
        let change = recorded.ok().and_then(Result::ok).flatten();
        Ok((state, change))
    }

    /// The text that an edit starts from: the file's if it is valid, else that of the current configuration.
    ///
    /// # Errors
    /// The engine is stopping.
    pub async fn edit_base(&self) -> Result<String, ApplyError> {
        let base = self.request(|reply| Command::EditBase { reply }).await;
        base.ok_or_else(stopping)
    }

    /// The file's text, or that of the current configuration where the file is missing or cannot be read.
    ///
    /// # Errors
    /// The engine is stopping.
    pub async fn file_text(&self) -> Result<String, ApplyError> {
        let text = self.request(|reply| Command::FileText { reply }).await;
        text.ok_or_else(stopping)
    }

    /// Checks, saves and applies a configuration text; in a dry run only reports what would change. `base` is the text
    /// that the edit started from: a mode that is the same in both is left as it is.
    ///
    /// # Errors
    /// The text is not valid, a listener cannot be bound or the file cannot be written. Nothing was changed.
    pub async fn apply(
        &self,
        source: ChangeSource,
        text: String,
        base: Option<String>,
        mode: ApplyMode,
    ) -> Result<ApplyReport, ApplyError> {
        let config = ConfigSource::Text { text, base };
        self.apply_with_secrets(config, KeyringCache::default(), mode, source.into())
            .await
    }

    /// Reads the keyring secrets again, then reads and applies the file.
    ///
    /// # Errors
    /// As [`Engine::apply`].
    pub async fn reload(&self) -> Result<ApplyReport, ApplyError> {
        let options = self.options.clone();
        let read = tokio::task::spawn_blocking(move || match Config::load(&options.config_path) {
            Ok(loaded) => {
                let known = KeyringCache::default();
                KeyringCache::read(&loaded.config, &known, &*options.keyring)
            }
            Err(_) => KeyringCache::default(),
        });
        let secrets = read.await.unwrap_or_default();
        let by = ChangeSource::File.into();
        self.apply_with_secrets(ConfigSource::File, secrets, ApplyMode::Commit, by)
            .await
    }

    /// Applies a configuration. Where the supervisor needs secrets of the keyring, they are read here, so that only this
    /// caller waits for them.
    async fn apply_with_secrets(
        &self,
        config: ConfigSource,
        mut secrets: KeyringCache,
        mode: ApplyMode,
        by: ChangeOrigin,
    ) -> Result<ApplyReport, ApplyError> {
        for _ in 0..SECRET_ATTEMPTS {
            let (config, with) = (config.clone(), secrets.clone());
            let applied = self.request(|reply| Command::Apply {
                config,
                secrets: with,
                mode,
                by,
                reply,
            });
            match applied.await.unwrap_or_else(stopped) {
                Err(ApplyError::SecretsNeeded(config)) => {
                    secrets = self.read_secrets(config, secrets).await?;
                }
                applied => return applied,
            }
        }
        Err(ApplyError::Internal(
            "the configuration kept changing while its secrets were read".to_owned(),
        ))
    }

    pub(super) async fn read_secrets(
        &self,
        config: Arc<Config>,
        read: KeyringCache,
    ) -> Result<KeyringCache, ApplyError> {
        let known = self.shared.snapshot.load().secrets.merged(&read);
        let keyring = self.options.keyring.clone();
        tokio::task::spawn_blocking(move || KeyringCache::read(&config, &known, &*keyring))
            .await
            .map_err(|error| ApplyError::panicked(&error))
    }
}
