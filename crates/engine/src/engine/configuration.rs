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

    /// Reads and applies the file. The keyring is asked for new entries only, since it may wait for the user. The known ones are
    /// read again afterwards, and applied if they changed.
    ///
    /// # Errors
    /// As [`Engine::apply`].
    pub async fn reload(&self) -> Result<ApplyReport, ApplyError> {
        let report = self.apply_file(KeyringCache::default()).await?;
        let engine = self.clone();
        tokio::spawn(async move {
            if let Err(error) = engine.refresh_secrets().await {
                tracing::warn!("changed secrets of the keyring are not in use: {error}");
            }
        });
        Ok(report)
    }

    /// Reads one keyring secret again and applies the file with it.
    ///
    /// # Errors
    /// As [`Engine::apply`].
    pub async fn reload_secret(&self, name: &str) -> Result<ApplyReport, ApplyError> {
        let snapshot = self.shared.snapshot.load_full();
        let known = snapshot.secrets.without(name);
        let read = self.read_keyring(snapshot.config.clone(), known).await?;
        self.apply_file(read).await
    }

    /// Reads every keyring secret again and applies those that changed. One that cannot be read now stays as it is.
    async fn refresh_secrets(&self) -> Result<(), ApplyError> {
        // One at a time: a keyring may wait for the user.
        let Ok(_turn) = self.shared.secret_refresh.try_acquire() else {
            return Ok(());
        };
        let snapshot = self.shared.snapshot.load_full();
        let config = snapshot.config.clone();
        let read = self.read_keyring(config, KeyringCache::default()).await?;
        let changed = snapshot.secrets.changed(&read);
        if !changed.is_empty() {
            self.apply_file(changed).await?;
        }
        Ok(())
    }

    async fn apply_file(&self, secrets: KeyringCache) -> Result<ApplyReport, ApplyError> {
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
        self.read_keyring(config, known).await
    }

    /// Reads the entries of `config` that `known` does not hold, on a blocking thread.
    async fn read_keyring(
        &self,
        config: Arc<Config>,
        known: KeyringCache,
    ) -> Result<KeyringCache, ApplyError> {
        let keyring = self.options.keyring.clone();
        tokio::task::spawn_blocking(move || KeyringCache::read(&config, &known, &*keyring))
            .await
            .map_err(|error| ApplyError::panicked(&error))
    }
}
