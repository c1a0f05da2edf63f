//! The one task that changes things: it owns the listeners, the lists and the mode, and takes commands one by one, so that
//! no two changes can meet and no lock is needed.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use privet_config::Retention;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use crate::accept::listener::{ListenerKind, Open};
use crate::accept::workers::Workers;
use crate::shared::Shared;
use crate::supervise::command::Command;
use crate::supervise::launch::Options;
use crate::supervise::lists::Lists;
use crate::supervise::lists::files::ListFiles;
use crate::supervise::mode::Modes;
use crate::supervise::mode::switch::pause_end;
use crate::supervise::rules::{Counts, Held};
use crate::supervise::timeline::{ChangeSource, Timeline};

/// How often idle connections, list ages and totals are looked at.
const TICK: Duration = Duration::from_secs(1);
/// How often the rules' counts are written.
const SAVE_COUNTS: Duration = Duration::from_secs(60);

pub(crate) struct Supervisor {
    pub(crate) options: Options,
    pub(crate) shared: Arc<Shared>,
    pub(crate) workers: Workers,
    pub(crate) open: Open,
    pub(crate) lists: Lists,
    pub(crate) modes: Modes,
    /// Active checks of the upstreams in force; replaced with them.
    pub(crate) checks: Option<AbortOnDropHandle<()>>,
    /// Fetches of lists that are under way; they end with the supervisor.
    pub(crate) fetches: JoinSet<()>,
    pub(crate) commands: mpsc::Sender<Command>,
    /// The file as it was last looked at: an editor that writes the same again changes nothing.
    pub(crate) seen: Option<u64>,
    /// The text of the configuration in force, as the file holds or held it.
    pub(crate) text: String,
    pub(crate) timeline: Timeline,
    pub(crate) temporary: Vec<Held>,
    pub(crate) counts: Counts,
    /// When the counts were last written.
    pub(crate) counts_saved: Instant,
    /// What runs was read from a file: that it is gone is no wish for the defaults, which may send direct what a kill
    /// switch holds back.
    pub(crate) from_file: bool,
    /// What was said already of the connection log.
    pub(crate) reported_log_problems: Vec<String>,
    /// When the lists' figures were last written.
    pub(crate) lists_saved: Instant,
    pub(crate) list_files: ListFiles,
    /// Who waits for a list to be fetched.
    pub(crate) refreshing: Vec<(String, oneshot::Sender<bool>)>,
}

impl Supervisor {
    /// Serves commands until told to stop.
    pub(crate) async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut changed: mpsc::Receiver<()>,
    ) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        self.start_checks();
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Stop { deadline, reply }) => {
                        self.drain(deadline).await;
                        let _ = reply.send(());
                        return;
                    }
                    Some(command) => self.execute(command).await,
                    None => return,
                },
                Some(()) = changed.recv() => self.file_changed().await,
                () = pause_end(&self.modes) => self.end_pause(),
                _ = tick.tick() => self.tick().await,
            }
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
        self.shared.connection_log.tick(Instant::now());
        self.shared.connection_log.close_idle(Instant::now(), idle);
        self.report_log_problems();
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
    fn report_log_problems(&mut self) {
        let problems = self.shared.connection_log.problems();
        for problem in &problems {
            if !self.reported_log_problems.contains(problem) {
                tracing::warn!(about = "connection_log", "{problem}");
            }
        }
        self.reported_log_problems = problems;
    }

    /// The file was written by somebody. What it says is taken if it is sound; else the running configuration stays.
    async fn file_changed(&mut self) {
        let now = fingerprint_of(&self.options.config_path).await;
        if now == self.seen {
            return;
        }
        self.seen = now;
        match self.apply(None, false, ChangeSource::File.into()).await {
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

    fn programs_tick(&self) {
        let listening = self.shared.listening.load_full();
        let local = |row: &privet_connection_log::ConnectionRow| {
            let same = |kind| {
                listening
                    .iter()
                    .find(|listener| listener.kind == kind)
                    .map(|listener| listener.address)
            };
            match row.listener() {
                privet_policy::Listener::Mixed => same(ListenerKind::Mixed),
                privet_policy::Listener::Socks => same(ListenerKind::Socks),
                privet_policy::Listener::Http => same(ListenerKind::Http),
            }
        };
        self.shared
            .programs
            .tick(|| self.shared.connection_log.live_rows(), local);
    }

    pub(crate) fn start_checks(&mut self) {
        let dialer = self.shared.snapshot.load().dialer.clone();
        let checks = tokio::spawn(async move { dialer.run_checks().await });
        self.checks = Some(AbortOnDropHandle::new(checks));
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
