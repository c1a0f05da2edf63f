//! What the keeper is told, and which of its works answers it.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use crate::supervise::configuration::reload::{ApplyError, ApplyReport, ChangeOrigin};
use crate::supervise::lists::fetch::Fetched;
use crate::supervise::lists::{ListAction, ListActionError, ListState};
use crate::supervise::mode::ModeState;
use crate::supervise::rules::TemporaryLifetime;
use crate::supervise::supervisor::Keeper;
use crate::supervise::timeline::{ChangeDetail, ChangeStatus, Door, UndoAction, UndoError};

/// Orders that wait; more than so many at once are made to wait at their sender.
const ORDERS: usize = 32;

/// What the keeper is told.
pub(crate) enum Order {
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
        door: Door,
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

/// The mailbox of a keeper.
pub(crate) fn mailbox() -> (mpsc::Sender<Order>, mpsc::Receiver<Order>) {
    mpsc::channel(ORDERS)
}

impl Keeper {
    pub(crate) async fn obey(&mut self, order: Order) {
        match order {
            Order::Apply {
                text,
                dry_run,
                by,
                reply,
            } => {
                let _ = reply.send(self.apply(text, dry_run, by).await);
            }
            Order::Mode {
                name,
                span,
                by,
                reply,
            } => {
                let _ = reply.send(self.choose_mode(name, span, by).await);
            }
            Order::AddTemporary {
                rule,
                span,
                dry_run,
                by,
                reply,
            } => {
                let _ = reply.send(self.add_temporary(rule, span, dry_run, by).await);
            }
            Order::DropTemporary { number, by, reply } => {
                let _ = reply.send(self.drop_temporary(number, by).await);
            }
            Order::Tell {
                offset,
                limit,
                reply,
            } => {
                let _ = reply.send(self.tell(offset, limit));
            }
            Order::TellOne { id, reply } => {
                let _ = reply.send(self.tell_one(id));
            }
            Order::Note {
                by,
                what,
                undo,
                reply,
            } => {
                let _ = reply.send(self.note(by, what, undo).await);
            }
            Order::Undo { id, door, reply } => {
                let _ = reply.send(self.undo(id, door).await);
            }
            Order::Refresh { list, reply } => self.refresh(list, reply).await,
            Order::Lists { reply } => {
                let _ = reply.send(self.lists.states());
            }
            Order::ListAction {
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
            Order::Fetched { list, url, outcome } => self.fetched(list, url, outcome).await,
            Order::ListFiles => self.list_files_changed().await,
            Order::Stop { .. } => {}
        }
    }
}
