//! The handle by which control, tray and command line use a running engine.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use privet_config::Config;
use privet_connection_log::ConnectionLog;
use privet_net::{OutboundHealth, OutboundTest};
use privet_policy::{Explanation, TargetError};
use privet_sites::SiteTable;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use crate::accept::listener::ListenerState;
use crate::https::HttpsStatus;
use crate::problems::Problem;
use crate::shared::Shared;
use crate::simulate::SimulatedRequest;
use crate::snapshot::Snapshot;
use crate::supervise::command::Command;
use crate::supervise::configuration::report::{ApplyError, ApplyMode, ApplyReport, ConfigSource};
use crate::supervise::configuration::secrets::KeyringCache;
use crate::supervise::lists::lines::{ListLines, skipped_lines};
use crate::supervise::lists::{ListAction, ListActionError, ListState};
use crate::supervise::mode::{ModeState, PauseLength};
use crate::supervise::options::EngineOptions;
use crate::supervise::rules::{self, RuleState, TemporaryLifetime};
use crate::supervise::sites::{BackendChange, BackendChangeError};
use crate::supervise::timeline::{
    ChangeDetail, ChangeOrigin, ChangeSource, ChangeStatus, UndoAction, UndoError,
};

/// How long a switch of the mode, which is in force by then, waits for its number in the timeline.
const RECORD_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a stop may take beyond its deadline.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a configuration may need further secrets of the keyring while it is applied.
const SECRET_ATTEMPTS: usize = 4;

/// A running engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) options: Arc<EngineOptions>,
}

impl Engine {
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.snapshot.load_full()
    }

    pub fn config(&self) -> Arc<Config> {
        self.shared.snapshot.load().config.clone()
    }

    pub fn options(&self) -> &EngineOptions {
        &self.options
    }

    pub fn connection_log(&self) -> &ConnectionLog {
        &self.shared.connection_log
    }

    pub fn problems(&self) -> Vec<Problem> {
        let mut all = self.shared.problems.all();
        all.extend(
            self.shared
                .connection_log
                .problems()
                .into_iter()
                .map(|text| Problem {
                    about: "connection_log".to_owned(),
                    text,
                    fix:
                        "check the disk and the data folder; files that were set aside may be deleted"
                            .to_owned(),
                }),
        );
        all
    }

    /// Opens a problem that was found outside the engine, such as a control port that is in use.
    pub fn raise_problem(&self, about: &str, text: &str, fix: &str) {
        self.shared.problems.raise(about, text, fix);
    }

    /// Closes a problem.
    pub fn clear_problem(&self, about: &str) {
        self.shared.problems.clear(about);
    }

    /// The listeners with the addresses they are bound to.
    pub fn listeners(&self) -> Vec<ListenerState> {
        self.shared.listening.load().to_vec()
    }

    /// The certificate of the `https` listeners; `None`: there is no such listener.
    pub fn https(&self) -> Option<HttpsStatus> {
        self.shared.snapshot.load().https.as_ref()?.status()
    }

    /// The address programs on this machine should use for HTTP and SOCKS.
    pub fn proxy(&self) -> Option<SocketAddr> {
        self.shared.proxy_for(IpAddr::from([127, 0, 0, 1]))
    }

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

    async fn read_secrets(
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

    /// The rules with their hits in the order of evaluation: temporary ones first.
    pub fn rules(&self) -> Vec<RuleState> {
        rules::states(&self.shared.snapshot.load())
    }

    /// Adds a temporary rule, given as in the configuration, before all others; in a dry run only reports what would change.
    ///
    /// # Errors
    /// The rule is not valid, or there are too many.
    pub async fn add_temporary_rule(
        &self,
        source: ChangeSource,
        rule: Value,
        lifetime: TemporaryLifetime,
        mode: ApplyMode,
    ) -> Result<ApplyReport, ApplyError> {
        let by = source.into();
        self.request(|reply| Command::AddTemporaryRule {
            rule,
            lifetime,
            mode,
            by,
            reply,
        })
        .await
        .unwrap_or_else(stopped)
    }

    /// Removes a temporary rule. Returns the change's number; `None`: there is no rule of that number.
    ///
    /// # Errors
    /// The engine is stopping.
    pub async fn remove_temporary_rule(
        &self,
        source: ChangeSource,
        number: u32,
    ) -> Result<Option<u64>, ApplyError> {
        let by = source.into();
        self.request(|reply| Command::RemoveTemporaryRule { number, by, reply })
            .await
            .unwrap_or_else(stopped)
    }

    /// A window of the timeline, newest first, and the number of all changes.
    pub async fn changes(&self, offset: usize, limit: usize) -> (usize, Vec<ChangeStatus>) {
        self.request(|reply| Command::Changes {
            offset,
            limit,
            reply,
        })
        .await
        .unwrap_or_default()
    }

    /// One change of the timeline.
    pub async fn change(&self, id: u64) -> Option<ChangeStatus> {
        self.request(|reply| Command::Change { id, reply })
            .await
            .flatten()
    }

    /// Records a change that was made outside the engine. Returns its number.
    pub async fn record_change(
        &self,
        by: ChangeOrigin,
        what: Vec<ChangeDetail>,
        undo: UndoAction,
    ) -> Option<u64> {
        self.request(|reply| Command::RecordChange {
            by,
            what,
            undo,
            reply,
        })
        .await
    }

    /// Undoes a change. Returns the change that this makes.
    ///
    /// # Errors
    /// The change cannot be undone now. A switch of the system proxy is undone by the caller.
    pub async fn undo(&self, source: ChangeSource, id: u64) -> Result<ChangeStatus, UndoError> {
        let mut secrets = KeyringCache::default();
        for _ in 0..SECRET_ATTEMPTS {
            let with = secrets.clone();
            let undone = self.request(|reply| Command::Undo {
                id,
                source,
                secrets: with,
                reply,
            });
            let undone = undone.await;
            match undone.unwrap_or_else(|| Err(UndoError::Apply(stopping()))) {
                Err(UndoError::Apply(ApplyError::SecretsNeeded(config))) => {
                    secrets = self.read_secrets(config, secrets).await?;
                }
                undone => return undone,
            }
        }
        Err(UndoError::Obstructed(
            "the configuration kept changing while its secrets were read".to_owned(),
        ))
    }

    /// # Errors
    /// The target is neither `host:port` nor a URL.
    pub async fn why(&self, request: &SimulatedRequest) -> Result<Explanation, TargetError> {
        request.explain(&self.snapshot()).await
    }

    pub async fn lists(&self) -> Vec<ListState> {
        self.request(|reply| Command::Lists { reply })
            .await
            .unwrap_or_default()
    }

    /// The lines of a list that were skipped; `None`: no list in use has this name.
    pub async fn list_lines(&self, name: &str) -> Option<ListLines> {
        skipped_lines(&self.snapshot(), name).await
    }

    /// Reads or fetches a list now and waits for the outcome. Returns false if there is no list of that name.
    pub async fn refresh_list(&self, name: &str) -> bool {
        let list = name.to_owned();
        self.request(|reply| Command::RefreshList { list, reply })
            .await
            .unwrap_or(false)
    }

    /// Carries out a user action on a list's versions.
    ///
    /// # Errors
    /// Unknown list, nothing to act on, or a damaged text.
    pub async fn act_on_list(
        &self,
        source: ChangeSource,
        name: &str,
        action: ListAction,
    ) -> Result<(), ListActionError> {
        let list = name.to_owned();
        let done = self
            .request(|reply| Command::ActOnList {
                list,
                action,
                by: source.into(),
                reply,
            })
            .await;
        done.unwrap_or_else(|| Err(ListActionError::Failed("the engine is stopping".to_owned())))
    }

    /// The sites with their backends' states.
    pub fn sites(&self) -> Arc<SiteTable> {
        self.shared.snapshot.load().sites.clone()
    }

    /// Changes a backend of a site by hand. Returns the change's number; `None`: it was so already.
    ///
    /// # Errors
    /// There is no such site or backend.
    pub async fn change_backend(
        &self,
        source: ChangeSource,
        site: &str,
        backend: &str,
        change: BackendChange,
    ) -> Result<Option<u64>, BackendChangeError> {
        let (site, backend) = (site.to_owned(), backend.to_owned());
        let changed = self.request(|reply| Command::ChangeBackend {
            site,
            backend,
            change,
            by: source.into(),
            reply,
        });
        changed.await.unwrap_or(Err(BackendChangeError::Stopping))
    }

    pub fn upstreams(&self) -> Vec<OutboundHealth> {
        self.shared.snapshot.load().dialer.health()
    }

    /// Times one connection through the upstream or group; `None`: there is none of that name.
    pub async fn test_upstream(&self, name: &str) -> Option<OutboundTest> {
        let snapshot = self.snapshot();
        let config = &snapshot.config;
        let mut names = config
            .upstreams
            .iter()
            .map(|upstream| &upstream.name)
            .chain(config.groups.iter().map(|group| &group.name));
        names.any(|known| known == name).then_some(())?;
        Some(snapshot.dialer.test(name).await)
    }

    /// Rotates the isolation credentials: new connections share no circuit with earlier ones.
    pub fn rotate_identity(&self) {
        self.shared.snapshot.load().dialer.rotate_identity();
        self.shared.identity_epoch.fetch_add(1, Ordering::Relaxed);
    }

    /// Stops accepting, waits up to `deadline` for open connections, then ends them.
    pub async fn stop(&self, deadline: Duration) {
        let stopping = self.request(|reply| Command::Stop { deadline, reply });
        // A command that a disk does not let end must not keep the program alive.
        let _ = tokio::time::timeout(deadline + STOP_TIMEOUT, stopping).await;
    }

    /// Sends a command and waits for the reply; `None`: the engine is stopping.
    async fn request<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.ok()?;
        answer.await.ok()
    }
}

fn stopped<T>() -> Result<T, ApplyError> {
    Err(stopping())
}

fn stopping() -> ApplyError {
    ApplyError::Internal("the engine is stopping".to_owned())
}
