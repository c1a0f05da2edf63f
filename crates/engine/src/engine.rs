//! The engine as its doors hold it.

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
use crate::supervise::configuration::reload::{ApplyError, ApplyReport, ChangeOrigin};
use crate::supervise::launch::Options;
use crate::supervise::lists::{ListAction, ListActionError, ListState};
use crate::supervise::mode::ModeState;
use crate::supervise::rules::{self, RuleState, TemporaryLifetime};
use crate::supervise::timeline::{ChangeDetail, ChangeSource, ChangeStatus, UndoAction, UndoError};

/// A running engine. Cheap to clone; every door holds one.
#[derive(Clone)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) options: Arc<Options>,
}

impl Engine {
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.snapshot.load_full()
    }

    pub fn config(&self) -> Arc<Config> {
        self.shared.snapshot.load().config.clone()
    }

    pub fn options(&self) -> &Options {
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
                    mend:
                        "look at the disk and at the data folder; what was set aside may be deleted"
                            .to_owned(),
                }),
        );
        all
    }

    /// For doors that find something wrong themselves (a control port that is taken).
    pub fn raise(&self, about: &str, text: &str, mend: &str) {
        self.shared.problems.raise(about, text, mend);
    }

    /// What was raised is well again.
    pub fn settle(&self, about: &str) {
        self.shared.problems.settle(about);
    }

    /// Every listener with its real address.
    pub fn listeners(&self) -> Vec<ListenerState> {
        self.shared.listening.load().to_vec()
    }

    /// The address programs on this machine should use for HTTP and SOCKS.
    pub fn proxy(&self) -> Option<SocketAddr> {
        self.shared.proxy_for(IpAddr::from([127, 0, 0, 1]))
    }

    /// The mode that is on; known without waiting for a change that is being worked out.
    pub fn mode(&self) -> ModeState {
        (**self.shared.mode.load()).clone()
    }

    /// Switches the mode; with `span` for that long and then back. Beside, the change's number in the timeline.
    ///
    /// # Errors
    /// No mode of that name.
    pub async fn set_mode(
        &self,
        door: ChangeSource,
        name: &str,
        span: Option<Duration>,
    ) -> Result<(ModeState, Option<u64>), ApplyError> {
        let (name, by) = (name.to_owned(), door.into());
        self.command(|reply| Command::Mode {
            name,
            span,
            by,
            reply,
        })
        .await
        .unwrap_or_else(stopped)
    }

    /// Takes a new configuration text: checked, saved, put in force. With `dry_run` only says what it would do.
    ///
    /// # Errors
    /// The text is not sound, a listener cannot be bound, the file cannot be written: nothing has changed then.
    pub async fn apply(
        &self,
        door: ChangeSource,
        text: String,
        dry_run: bool,
    ) -> Result<ApplyReport, ApplyError> {
        self.command(|reply| Command::Apply {
            text: Some(text),
            dry_run,
            by: door.into(),
            reply,
        })
        .await
        .unwrap_or_else(stopped)
    }

    /// Reads the file again.
    ///
    /// # Errors
    /// As [`Engine::apply`].
    pub async fn reload(&self) -> Result<ApplyReport, ApplyError> {
        self.command(|reply| Command::Apply {
            text: None,
            dry_run: false,
            by: ChangeSource::File.into(),
            reply,
        })
        .await
        .unwrap_or_else(stopped)
    }

    /// The rules in the command in which they are asked, those of no file first, each with what it did.
    pub fn rules(&self) -> Vec<RuleState> {
        rules::states(&self.shared.snapshot.load())
    }

    /// Makes a rule of no file, before all others, from what the file would say of it. With `dry_run` only says what it
    /// would do.
    ///
    /// # Errors
    /// It is no sound rule, or there are too many.
    pub async fn add_temporary(
        &self,
        door: ChangeSource,
        rule: Value,
        span: TemporaryLifetime,
        dry_run: bool,
    ) -> Result<ApplyReport, ApplyError> {
        let by = door.into();
        self.command(|reply| Command::AddTemporary {
            rule,
            span,
            dry_run,
            by,
            reply,
        })
        .await
        .unwrap_or_else(stopped)
    }

    /// Takes a rule of no file away; the change's number, or `None`: there is none of that number.
    ///
    /// # Errors
    /// The engine is stopping.
    pub async fn drop_temporary(
        &self,
        door: ChangeSource,
        number: u32,
    ) -> Result<Option<u64>, ApplyError> {
        let by = door.into();
        self.command(|reply| Command::DropTemporary { number, by, reply })
            .await
            .unwrap_or_else(stopped)
    }

    /// The timeline from `offset` on, the newest first, and how many changes it holds.
    pub async fn changes(&self, offset: usize, limit: usize) -> (usize, Vec<ChangeStatus>) {
        self.command(|reply| Command::Tell {
            offset,
            limit,
            reply,
        })
        .await
        .unwrap_or_default()
    }

    /// One change of the timeline.
    pub async fn change(&self, id: u64) -> Option<ChangeStatus> {
        self.command(|reply| Command::TellOne { id, reply })
            .await
            .flatten()
    }

    /// Puts a change that is made elsewhere into the timeline; its number.
    pub async fn note(
        &self,
        by: ChangeOrigin,
        what: Vec<ChangeDetail>,
        undo: UndoAction,
    ) -> Option<u64> {
        self.command(|reply| Command::Note {
            by,
            what,
            undo,
            reply,
        })
        .await
    }

    /// Takes a change back; the entry that this makes.
    ///
    /// # Errors
    /// [`UndoError`]: what is in the way. A switch of the system proxy is its door's to take back.
    pub async fn undo(&self, door: ChangeSource, id: u64) -> Result<ChangeStatus, UndoError> {
        self.command(|reply| Command::Undo { id, door, reply })
            .await
            .unwrap_or_else(|| Err(UndoError::Apply(stopping())))
    }

    /// # Errors
    /// The target is neither `host:port` nor a URL.
    pub async fn why(&self, question: &SimulatedRequest) -> Result<Explanation, TargetError> {
        question.ask(&self.snapshot()).await
    }

    pub async fn lists(&self) -> Vec<ListState> {
        self.command(|reply| Command::Lists { reply })
            .await
            .unwrap_or_default()
    }

    /// Reads or fetches a list now, and waits for the outcome; false: there is none of that name.
    pub async fn refresh_list(&self, name: &str) -> bool {
        let list = name.to_owned();
        self.command(|reply| Command::Refresh { list, reply })
            .await
            .unwrap_or(false)
    }

    /// Carries out a wish about a list's versions.
    ///
    /// # Errors
    /// No such list, nothing to do it with, or a text that is broken.
    pub async fn act_on_list(
        &self,
        door: ChangeSource,
        name: &str,
        act: ListAction,
    ) -> Result<(), ListActionError> {
        let list = name.to_owned();
        let done = self
            .command(|reply| Command::ListAction {
                list,
                act,
                by: door.into(),
                reply,
            })
            .await;
        done.unwrap_or_else(|| Err(ListActionError::Failed("the engine is stopping".to_owned())))
    }

    pub fn upstreams(&self) -> Vec<OutboundHealth> {
        self.shared.snapshot.load().dialer.health()
    }

    /// One connection through the upstream or group, timed; `None`: there is none of that name.
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

    /// New isolation credentials: the next connections share no circuit with earlier ones.
    pub fn rotate_identity(&self) {
        self.shared.snapshot.load().dialer.rotate_identity();
        self.shared.identity_epoch.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes no more connections, lets those that stand go on for `deadline`, then ends them.
    pub async fn stop(&self, deadline: Duration) {
        let _ = self
            .command(|reply| Command::Stop { deadline, reply })
            .await;
    }

    async fn command<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.ok()?;
        answer.await.ok()
    }
}

fn stopped<T>() -> Result<T, ApplyError> {
    Err(stopping())
}

fn stopping() -> ApplyError {
    ApplyError::Broken("the engine is stopping".to_owned())
}

impl Shared {
    /// The HTTP-speaking listener that a client which reached us on `ip` should use.
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
