//! The one task that changes things: it owns the listeners, the lists and the mode, and takes orders one by one, so that
//! no two changes can meet and no lock is needed.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use privet_config::{Config, Retention};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use crate::fetch::Fetched;
use crate::launch::Options;
use crate::list_files::ListFiles;
use crate::listen::{Kind, Open};
use crate::lists::{ListAct, ListRefusal, ListState, Lists};
use crate::mode::{ModeState, Modes};
use crate::reload::{Applied, ApplyError, By};
use crate::rules::{Counts, Held, Span};
use crate::shared::Shared;
use crate::timeline::{Book, Door, Told, Undo, UndoError, What, moment_text};
use crate::workers::Workers;

/// Orders that wait; more than so many at once are made to wait at their sender.
const ORDERS: usize = 32;
/// How often idle connections, list ages and totals are looked at.
const TICK: Duration = Duration::from_secs(1);
/// How often the rules' counts are written.
const SAVE_COUNTS: Duration = Duration::from_secs(60);

/// What the keeper is told.
pub(crate) enum Order {
    Apply {
        text: Option<String>,
        dry_run: bool,
        by: By,
        reply: oneshot::Sender<Result<Applied, ApplyError>>,
    },
    Mode {
        name: String,
        span: Option<Duration>,
        by: By,
        reply: oneshot::Sender<Result<(ModeState, Option<u64>), ApplyError>>,
    },
    AddTemporary {
        rule: Value,
        span: Span,
        dry_run: bool,
        by: By,
        reply: oneshot::Sender<Result<Applied, ApplyError>>,
    },
    DropTemporary {
        number: u32,
        by: By,
        reply: oneshot::Sender<Result<Option<u64>, ApplyError>>,
    },
    Tell {
        offset: usize,
        limit: usize,
        reply: oneshot::Sender<(usize, Vec<Told>)>,
    },
    TellOne {
        id: u64,
        reply: oneshot::Sender<Option<Told>>,
    },
    Note {
        by: By,
        what: Vec<What>,
        undo: Undo,
        reply: oneshot::Sender<u64>,
    },
    Undo {
        id: u64,
        door: Door,
        reply: oneshot::Sender<Result<Told, UndoError>>,
    },
    Refresh {
        list: String,
        reply: oneshot::Sender<bool>,
    },
    Lists {
        reply: oneshot::Sender<Vec<ListState>>,
    },
    ListAct {
        list: String,
        act: ListAct,
        by: By,
        reply: oneshot::Sender<Result<(), ListRefusal>>,
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

pub(crate) struct Keeper {
    pub(crate) options: Options,
    pub(crate) shared: Arc<Shared>,
    pub(crate) workers: Workers,
    pub(crate) open: Open,
    pub(crate) lists: Lists,
    pub(crate) modes: Modes,
    /// Active checks of the upstreams in force; replaced with them.
    pub(crate) checks: Option<AbortOnDropHandle<()>>,
    /// Fetches of lists that are under way; they end with the keeper.
    pub(crate) fetches: JoinSet<()>,
    pub(crate) orders: mpsc::Sender<Order>,
    /// The file as it was last looked at: an editor that writes the same again changes nothing.
    pub(crate) seen: Option<u64>,
    /// The text of the configuration in force, as the file holds or held it.
    pub(crate) text: String,
    pub(crate) timeline: Book,
    pub(crate) temporary: Vec<Held>,
    pub(crate) counts: Counts,
    /// When the counts were last written.
    pub(crate) counts_saved: Instant,
    /// What runs was read from a file: that it is gone is no wish for the defaults, which may send direct what a kill
    /// switch holds back.
    pub(crate) from_file: bool,
    /// What was said already of the books.
    pub(crate) said_of_books: Vec<String>,
    /// When the lists' figures were last written.
    pub(crate) lists_saved: Instant,
    pub(crate) list_files: ListFiles,
    /// Who waits for a list to be fetched.
    pub(crate) refreshing: Vec<(String, oneshot::Sender<bool>)>,
}

/// The mailbox of a keeper.
pub(crate) fn mailbox() -> (mpsc::Sender<Order>, mpsc::Receiver<Order>) {
    mpsc::channel(ORDERS)
}

impl Keeper {
    /// Serves orders until told to stop.
    pub(crate) async fn keep(
        mut self,
        mut orders: mpsc::Receiver<Order>,
        mut changed: mpsc::Receiver<()>,
    ) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        self.start_checks();
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(Order::Stop { deadline, reply }) => {
                        self.drain(deadline).await;
                        let _ = reply.send(());
                        return;
                    }
                    Some(order) => self.obey(order).await,
                    None => return,
                },
                Some(()) = changed.recv() => self.file_changed().await,
                () = pause_end(&self.modes) => self.end_pause(),
                _ = tick.tick() => self.tick().await,
            }
        }
    }

    async fn obey(&mut self, order: Order) {
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
            Order::ListAct {
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

    async fn tick(&mut self) {
        let idle = self
            .shared
            .snapshot
            .load()
            .config
            .listen
            .limits
            .idle_timeout;
        self.shared.ledger.tick(Instant::now());
        self.shared.ledger.sweep_idle(Instant::now(), idle);
        self.say_of_books();
        // The clock may have been set while the pause's own timer ran.
        self.end_pause();
        self.end_spent_rules(Instant::now());
        if self.counts_saved.elapsed() >= SAVE_COUNTS {
            self.save_counts().await;
        }
        self.programs_tick();
        self.lists_tick().await;
    }

    /// What tells where their user went may be on the disk.
    pub(crate) fn keeps_connections_on_disk(&self) -> bool {
        let kept = self.shared.snapshot.load().config.log.connections;
        matches!(kept, Retention::Disk(_))
    }

    /// Writes the rules' counts, where there is something new and connections may be remembered on the disk at all.
    pub(crate) async fn save_counts(&mut self) {
        self.counts_saved = Instant::now();
        if !self.keeps_connections_on_disk() {
            let path = self.counts.forget();
            let _ = tokio::task::spawn_blocking(move || std::fs::remove_file(path)).await;
            return;
        }
        let Some((path, text)) = self.counts.take_unsaved() else {
            return;
        };
        let saved = tokio::task::spawn_blocking(move || privet_config::save(&path, &text)).await;
        if let Ok(Err(error)) = saved {
            tracing::warn!("the rules' counts could not be written: {error}");
        }
    }

    /// A database set aside, a disk that takes nothing: the log hears of it once.
    fn say_of_books(&mut self) {
        let problems = self.shared.ledger.problems();
        for problem in &problems {
            if !self.said_of_books.contains(problem) {
                tracing::warn!(about = "ledger", "{problem}");
            }
        }
        self.said_of_books = problems;
    }

    /// Brings the standing mode back if a pause is over.
    fn end_pause(&mut self) {
        if self.modes.expire(SystemTime::now()) {
            tracing::info!(mode = %self.modes.standing(), "the pause is over");
            self.swap_mode();
        }
    }

    /// The file was written by somebody. What it says is taken if it is sound; else the running configuration stays.
    async fn file_changed(&mut self) {
        let now = fingerprint_of(&self.options.config_path).await;
        if now == self.seen {
            return;
        }
        self.seen = now;
        match self.apply(None, false, Door::File.into()).await {
            Ok(applied) => {
                self.shared.problems.settle("config");
                tracing::info!(%applied, "the changed configuration is in force");
            }
            Err(error) => {
                let text = format!(
                    "the changed configuration is not taken, the running one stays: {error}"
                );
                self.shared.problems.raise(
                    "config",
                    text,
                    "mend the file; it is read again when it changes",
                );
            }
        }
    }

    /// Chooses a mode, or pauses into it; the state then, and the change's number.
    pub(crate) async fn choose_mode(
        &mut self,
        name: String,
        span: Option<Duration>,
        by: By,
    ) -> Result<(ModeState, Option<u64>), ApplyError> {
        let config = self.shared.snapshot.load().config.clone();
        if !config.modes.contains_key(&name) {
            return Err(ApplyError::unknown_mode(&name, &config));
        }
        let before = self.modes.clone();
        match span {
            Some(span) => self.modes.pause(name, span, SystemTime::now()),
            None => {
                self.remember_mode(&name).await;
                self.seen = fingerprint_of(&self.options.config_path).await;
                self.modes.stand(name);
            }
        }
        self.swap_mode();
        let change = self.note_mode(&before, by).await;
        Ok((self.modes.state(), change))
    }

    async fn note_mode(&mut self, before: &Modes, by: By) -> Option<u64> {
        let (was, now) = (before.state(), self.modes.state());
        if let (true, Some(until_ms)) = (now != was, now.until_ms) {
            let mode = now.name;
            let until = moment_text(until_ms);
            let what = What::new("pause", [("mode", mode.clone()), ("until", until)]);
            let undo = Undo::Pause { mode, until_ms };
            return Some(self.note(by, vec![what], undo).await);
        }
        let (from, to) = (before.standing().to_owned(), now.name);
        if let (true, Some(until_ms)) = (from == to, was.until_ms) {
            let mode = was.name;
            let what = What::new("resume", [("mode", mode.clone())]);
            let undo = Undo::Resume { mode, until_ms };
            return Some(self.note(by, vec![what], undo).await);
        }
        let what = vec![What::new(
            "mode",
            [("from", from.clone()), ("to", to.clone())],
        )];
        let text = self.file_text().await.unwrap_or_default();
        match text == self.text {
            true if from == to => None,
            true => Some(self.note(by, what, Undo::Mode { from, to }).await),
            false => self.note_text(by, what, text).await,
        }
    }

    /// A chosen mode outlives the program where a file exists to hold it.
    async fn remember_mode(&self, name: &str) {
        let (path, name) = (self.options.config_path.clone(), name.to_owned());
        let kept =
            tokio::task::spawn_blocking(move || crate::reload::write_mode(&path, &name)).await;
        let text = match kept {
            Ok(Ok(())) => return self.shared.problems.settle("mode"),
            Ok(Err(error)) => error,
            Err(error) => error.to_string(),
        };
        let text = format!("the mode is on, but the file could not be changed: {text}");
        self.shared
            .problems
            .raise("mode", text, "write `mode` into the configuration yourself");
    }

    /// Puts the mode that is on now in force; connections that it forbids are closed.
    pub(crate) fn swap_mode(&mut self) {
        let before = self.shared.snapshot.load_full();
        if let Some(mut snapshot) = before.in_mode(self.modes.current(SystemTime::now())) {
            if snapshot.config.mode != self.modes.standing() {
                // The file says so too by now.
                snapshot.config = Arc::new(Config {
                    mode: self.modes.standing().to_owned(),
                    ..(*snapshot.config).clone()
                });
            }
            self.put_in_force(snapshot);
        }
    }

    fn programs_tick(&self) {
        let listening = self.shared.listening.load_full();
        let local = |row: &privet_ledger::Row| {
            let same = |kind| {
                listening
                    .iter()
                    .find(|listener| listener.kind == kind)
                    .map(|listener| listener.address)
            };
            match row.listener() {
                privet_policy::Listener::Mixed => same(Kind::Mixed),
                privet_policy::Listener::Socks => same(Kind::Socks),
                privet_policy::Listener::Http => same(Kind::Http),
            }
        };
        self.shared
            .programs
            .tick(|| self.shared.ledger.live(), local);
    }

    pub(crate) fn start_checks(&mut self) {
        let outward = self.shared.snapshot.load().outward.clone();
        let checks = tokio::spawn(async move { outward.run_checks().await });
        self.checks = Some(AbortOnDropHandle::new(checks));
    }
}

/// Waits for the end of the pause that runs; for ever if there is none.
async fn pause_end(modes: &Modes) {
    match modes.left(SystemTime::now()) {
        Some(left) => tokio::time::sleep(left).await,
        None => std::future::pending().await,
    }
}

/// What tells one content of the file from another; `None`: there is no file, or it cannot be read.
fn fingerprint(path: &Path) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    let size = std::fs::metadata(path).ok()?.len();
    match size <= privet_config::MAX_FILE as u64 {
        true => std::fs::read(path).ok()?.hash(&mut hasher),
        false => size.hash(&mut hasher),
    }
    Some(hasher.finish())
}

/// [`fingerprint`] off the runtime's threads.
pub(crate) async fn fingerprint_of(path: &Path) -> Option<u64> {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || fingerprint(&path))
        .await
        .ok()
        .flatten()
}
