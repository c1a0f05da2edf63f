//! The handle by which control, tray and command line use a running engine.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use privet_config::Config;
use privet_connection_log::ConnectionLog;
use privet_net::{OutboundHealth, OutboundTest};
use privet_policy::{Explanation, TargetError};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use crate::accept::listener::{ListenerKind, ListenerState};
use crate::problems::Problem;
use crate::shared::Shared;
use crate::simulate::SimulatedRequest;
use crate::snapshot::Snapshot;
use crate::supervise::command::Command;
use crate::supervise::configuration::report::{ApplyError, ApplyMode, ApplyReport, ConfigSource};
use crate::supervise::lists::{ListAction, ListActionError, ListState};
use crate::supervise::mode::ModeState;
use crate::supervise::options::EngineOptions;
use crate::supervise::rules::{self, RuleState, TemporaryLifetime};
use crate::supervise::timeline::{
    ChangeDetail, ChangeOrigin, ChangeSource, ChangeStatus, UndoAction, UndoError,
};

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
                        "look at the disk and at the data folder; what was set aside may be deleted"
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

    /// The address programs on this machine should use for HTTP and SOCKS.
    pub fn proxy(&self) -> Option<SocketAddr> {
        self.shared.proxy_for(IpAddr::from([127, 0, 0, 1]))
    }

    /// The current mode. Does not wait for the supervisor.
    pub fn mode(&self) -> ModeState {
        (**self.shared.mode.load()).clone()
    }

    /// Switches the mode; with `pause` for that long only. Also returns the change's number in the timeline.
    ///
    /// # Errors
    /// No mode of that name.
    pub async fn set_mode(
        &self,
        source: ChangeSource,
        name: &str,
        pause: Option<Duration>,
    ) -> Result<(ModeState, Option<u64>), ApplyError> {
        let (name, by) = (name.to_owned(), source.into());
        self.request(|reply| Command::SetMode {
            name,
            pause,
            by,
            reply,
        })
        .await
        .unwrap_or_else(stopped)
    }

    /// Checks, saves and applies a configuration text; in a dry run only reports what would change.
    ///
    /// # Errors
    /// The text is not valid, a listener cannot be bound or the file cannot be written. Nothing was changed.
    pub async fn apply(
        &self,
        source: ChangeSource,
        text: String,
        mode: ApplyMode,
    ) -> Result<ApplyReport, ApplyError> {
        self.request(|reply| Command::Apply {
            config: ConfigSource::Text(text),
            mode,
            by: source.into(),
            reply,
        })
        .await
        .unwrap_or_else(stopped)
    }

    /// Reads and applies the file again.
    ///
    /// # Errors
    /// As [`Engine::apply`].
    pub async fn reload(&self) -> Result<ApplyReport, ApplyError> {
        self.request(|reply| Command::Apply {
            config: ConfigSource::File,
            mode: ApplyMode::Commit,
            by: ChangeSource::File.into(),
            reply,
        })
        .await
        .unwrap_or_else(stopped)
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
        self.request(|reply| Command::Undo { id, source, reply })
            .await
            .unwrap_or_else(|| Err(UndoError::Apply(stopping())))
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
        let _ = self
            .request(|reply| Command::Stop { deadline, reply })
            .await;
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

impl Shared {
    /// The address of the HTTP listener that a client which reached us on `ip` should use.
    pub(crate) fn proxy_for(&self, ip: IpAddr) -> Option<SocketAddr> {
        let listening = self.listening.load();
        let speaks = |kind| {
            listening
                .iter()
                .filter(move |listener| listener.kind == kind)
                .map(|listener| listener.address)
        };
        let mut found = speaks(ListenerKind::Mixed).chain(speaks(ListenerKind::Http));
        let first = found.clone().next();
        let mut address = found
            .find(|address| address.ip() == ip || address.ip().is_unspecified())
            .or(first)?;
        if address.ip().is_unspecified() {
            address.set_ip(ip);
        }
        Some(address)
    }
}
