//! What the supervisor is told, and which of its works answers it.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use crate::supervise::configuration::reload::{ApplyError, ApplyReport, ChangeOrigin};
use crate::supervise::lists::fetch::Fetched;
use crate::supervise::lists::{ListAction, ListActionError, ListState};
use crate::supervise::mode::ModeState;
use crate::supervise::rules::TemporaryLifetime;
use crate::supervise::supervisor::Supervisor;
use crate::supervise::timeline::{ChangeDetail, ChangeSource, ChangeStatus, UndoAction, UndoError};

/// Orders that wait; more than so many at once are made to wait at their sender.
const MAX_WAITING: usize = 32;

/// What the supervisor is told.
pub(crate) enum Command {
    Apply {
        text: Option<String>,
        dry_run: bool,
        by: ChangeOrigin,
        reply: oneshot::Sender<Result<ApplyReport, ApplyError>>,
    },
    Mode {
        name: String,
        span: Option<Duration>,
        by: ChangeOrigin,
        reply: oneshot::Sender<Result<(ModeState, Option<u64>), ApplyError>>,
    },
    AddTemporary {
        rule: Value,
        span: TemporaryLifetime,
        dry_run: bool,
        by: ChangeOrigin,
        reply: oneshot::Sender<Result<ApplyReport, ApplyError>>,
    },
    DropTemporary {
        number: u32,
        by: ChangeOrigin,
        reply: oneshot::Sender<Result<Option<u64>, ApplyError>>,
    },
    Tell {
        offset: usize,
        limit: usize,
        reply: oneshot::Sender<(usize, Vec<ChangeStatus>)>,
    },
    TellOne {
        id: u64,
        reply: oneshot::Sender<Option<ChangeStatus>>,
    },
    Note {
        by: ChangeOrigin,
        what: Vec<ChangeDetail>,
        undo: UndoAction,
        reply: oneshot::Sender<u64>,
    },
    Undo {
        id: u64,
        door: ChangeSource,
        reply: oneshot::Sender<Result<ChangeStatus, UndoError>>,
    },
    Refresh {
        list: String,
        reply: oneshot::Sender<bool>,
    },
    Lists {
        reply: oneshot::Sender<Vec<ListState>>,
    },
    ListAction {
        list: String,
        act: ListAction,
        by: ChangeOrigin,
        reply: oneshot::Sender<Result<(), ListActionError>>,
    },
    Fetched {
        list: String,
        url: String,
        outcome: Fetched,
    },
    /// A file that lists are read from has changed.
    ListFiles,
    Stop {
        deadline: Duration,
        reply: oneshot::Sender<()>,
    },
}

/// The channel of a supervisor.
pub(crate) fn channel() -> (mpsc::Sender<Command>, mpsc::Receiver<Command>) {
    mpsc::channel(MAX_WAITING)
}

impl Supervisor {
    pub(crate) async fn execute(&mut self, command: Command) {
        match command {
            Command::Apply {
                text,
                dry_run,
                by,
                reply,
            } => {
                let _ = reply.send(self.apply(text, dry_run, by).await);
            }
            Command::Mode {
                name,
                span,
                by,
                reply,
            } => {
                let _ = reply.send(self.choose_mode(name, span, by).await);
            }
            Command::AddTemporary {
                rule,
                span,
                dry_run,
                by,
                reply,
            } => {
                let _ = reply.send(self.add_temporary(rule, span, dry_run, by).await);
            }
            Command::DropTemporary { number, by, reply } => {
                let _ = reply.send(self.drop_temporary(number, by).await);
            }
            Command::Tell {
                offset,
                limit,
                reply,
            } => {
                let _ = reply.send(self.tell(offset, limit));
            }
            Command::TellOne { id, reply } => {
                let _ = reply.send(self.tell_one(id));
            }
            Command::Note {
                by,
                what,
                undo,
                reply,
            } => {
                let _ = reply.send(self.note(by, what, undo).await);
            }
            Command::Undo { id, door, reply } => {
                let _ = reply.send(self.undo(id, door).await);
            }
            Command::Refresh { list, reply } => self.refresh(list, reply).await,
            Command::Lists { reply } => {
                let _ = reply.send(self.lists.states());
            }
            Command::ListAction {
                list,
                act,
                by,
                reply,
            } => {
                let done = self.act_on_list(list.clone(), act).await;
                if let Ok(back) = &done {
                    self.note_list(by, list, act, *back).await;
                }
                let _ = reply.send(done.map(drop));
            }
            Command::Fetched { list, url, outcome } => self.fetched(list, url, outcome).await,
            Command::ListFiles => self.list_files_changed().await,
            Command::Stop { .. } => {}
        }
    }
}
