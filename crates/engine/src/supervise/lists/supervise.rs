//! The supervisor's work on filter lists: reload, fetch, statistics, problems.

use std::time::{Duration, Instant, SystemTime};

use tokio::sync::oneshot;

use crate::supervise::command::{Command, ListCommand};
use crate::supervise::lists::fetch::fetch;
use crate::supervise::lists::fetch_job::FetchResult;
use crate::supervise::lists::{ListAction, ListActionError, Lists};
use crate::supervise::supervisor::Supervisor;
use crate::supervise::watched_files::WatchedFiles;

/// Interval at which statistics are written; user actions and fetches are written at once.
const SAVE_INTERVAL: Duration = Duration::from_secs(60);
/// Maximum number of callers that wait for a fetch; further ones are answered at once.
const MAX_WAITING_CALLERS: usize = 64;

impl Supervisor {
    /// Raises a problem for every failed list and held update, and clears those that are over.
    pub(crate) fn report_list_problems(&mut self) {
        let problems = &self.shared.problems;
        for state in self.lists.states() {
            let (name, about) = (&state.name, format!("list:{}", state.name));
            match (state.error, state.fix) {
                (Some(error), Some(fix)) => {
                    problems.raise_if_new(about, format!("list {name:?}: {error}"), fix);
                }
                _ => problems.clear(&about),
            }
            let about = format!("list-memory:{name}");
            match state.not_stored {
                Some(error) => problems.raise_if_new(
                    about,
                    format!("list {name:?} is used from memory: it cannot be stored: {error}"),
                    "free space on the disk, or check the permissions of the data folder; the list is fetched again at the next start",
                ),
                None => problems.clear(&about),
            }
            let about = format!("list-held:{name}");
            match state.held.filter(|held| !held.declined) {
                Some(held) => problems.raise_if_new(
                    about,
                    format!("list {name:?}: an update is held back: {}", held.text),
                    "use the update, or keep the old version (privet lists accept | keep)",
                ),
                None => problems.clear(&about),
            }
        }
        for notice in self.lists.take_notices() {
            let fix = "nothing to do: an earlier version or a new fetch replaces it; the file may be deleted";
            problems.raise(notice.about, notice.text, fix);
        }
    }

    /// Clears the problems of lists that are no longer configured.
    pub(crate) fn clear_removed_list_problems(&self) {
        for problem in self.shared.problems.all() {
            let about = problem.about.split_once(':');
            if let Some(("list" | "list-held" | "list-file" | "list-memory", name)) = about
                && !self.lists.contains(name)
            {
                self.shared.problems.clear(&problem.about);
            }
        }
    }

    /// Every second: statistics, end of probation, due fetches.
    pub(crate) async fn tick_lists(&mut self) {
        let now = SystemTime::now();
        self.lists.record_hits(now);
        if let Some(name) = self.lists.ended_probation(now) {
            tracing::info!(
                list = name,
                "the probation is over: the list blocks from now on"
            );
            self.apply_lists().await;
        }
        if self.lists_saved_at.elapsed() >= SAVE_INTERVAL {
            self.save_lists().await;
        }
        self.start_fetches(None);
    }

    /// Writes the records of the lists.
    pub(crate) async fn save_lists(&mut self) {
        self.lists.record_hits(SystemTime::now());
        self.lists_saved_at = Instant::now();
        let hosts = self.keeps_connections_on_disk();
        let Some(records) = self.lists.take_unsaved(hosts) else {
            return;
        };
        let folder = self.lists.data_dir().to_owned();
        let written = tokio::task::spawn_blocking(move || records.write(&folder)).await;
        if !matches!(written, Ok(Ok(()))) {
            self.lists.mark_unsaved();
        }
        match written {
            Ok(Ok(())) => self.shared.problems.clear("lists-state"),
            Ok(Err(error)) => self.shared.problems.raise_if_new(
                "lists-state",
                format!("the state of the lists cannot be written: {error}"),
                "check the disk and the permissions of the data folder",
            ),
            Err(error) => tracing::error!("writing the state of the lists panicked: {error}"),
        }
    }

    /// Runs `work` on the lists on a blocking thread; `None` if it panicked.
    pub(crate) async fn on_lists<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Lists) -> T + Send + 'static,
    ) -> Option<T> {
        let mut lists = self.lists.clone();
        let task = tokio::task::spawn_blocking(move || {
            let done = work(&mut lists);
            (lists, done)
        });
        match task.await {
            Ok((lists, done)) => {
                self.lists = lists;
                Some(done)
            }
            Err(error) => {
                tracing::error!("work on the lists panicked: {error}");
                None
            }
        }
    }

    /// Reads or fetches one list now. `reply` is sent when that is done: whether the list exists.
    pub(crate) async fn refresh_list(&mut self, name: String, reply: oneshot::Sender<bool>) {
        if !self.lists.contains(&name) {
            let _ = reply.send(false);
            return;
        }
        let list = name.clone();
        self.on_lists(move |lists| lists.reread(Some(&list))).await;
        self.shared.problems.clear(&format!("list-file:{name}"));
        self.report_list_problems();
        self.apply_lists().await;
        self.start_fetches(Some(&name));
        if self.lists.is_fetching(&name) && self.refresh_waiters.len() < MAX_WAITING_CALLERS {
            self.refresh_waiters.push((name, reply));
        } else {
            let _ = reply.send(true);
        }
    }

    /// Carries out a user action. Returns the action that reverts it, if there is one.
    pub(crate) async fn act_on_list(
        &mut self,
        name: String,
        act: ListAction,
    ) -> Result<Option<ListAction>, ListActionError> {
        let inverse = self.lists.inverse_action(&name, act);
        let list = name.clone();
        let done = self.on_lists(move |lists| lists.act(&list, act)).await;
        let done = done.unwrap_or_else(|| {
            Err(ListActionError::Failed(
                "the work on the list panicked".to_owned(),
            ))
        });
        self.save_lists().await;
        self.report_list_problems();
        if done.is_ok() {
            tracing::info!(
                list = name,
                ?act,
                "the active version of the list was changed"
            );
            self.apply_lists().await;
        }
        self.start_fetches(None);
        done.map(|()| inverse)
    }

    /// Starts due fetches, each in a task that reports back with a command.
    pub(crate) fn start_fetches(&mut self, only: Option<&str>) {
        // Drop finished tasks.
        while self.fetches.try_join_next().is_some() {}
        for job in self.lists.take_fetches(SystemTime::now(), only) {
            let (shared, commands) = (self.shared.clone(), self.commands.clone());
            self.fetches.spawn(async move {
                let (list, url) = (job.name.clone(), job.url.clone());
                let outcome = fetch(job, shared).await;
                let _ = commands
                    .send(Command::Lists(ListCommand::Fetched { list, url, outcome }))
                    .await;
            });
        }
    }

    pub(crate) async fn list_fetched(&mut self, name: String, url: String, outcome: FetchResult) {
        let (now, list) = (SystemTime::now(), name.clone());
        let applied = self.on_lists(move |lists| lists.apply_fetch(&list, &url, now, outcome));
        let is_new = applied.await.unwrap_or(false);
        self.save_lists().await;
        self.report_list_problems();
        if is_new {
            self.apply_lists().await;
        }
        for (_, reply) in self
            .refresh_waiters
            .extract_if(.., |waiting| waiting.0 == name)
        {
            let _ = reply.send(true);
        }
    }

    /// Watches the files of the enabled lists.
    pub(crate) fn watch_list_files(&mut self) {
        let files = self.lists.watched_files();
        if files != self.list_files.files() {
            let changed = || Command::Lists(ListCommand::FilesChanged);
            self.list_files = WatchedFiles::start(files, self.commands.clone(), changed);
        }
    }

    /// A watched list file has changed.
    pub(crate) async fn list_files_changed(&mut self) {
        self.on_lists(|lists| lists.reread(None)).await;
        self.report_list_problems();
        self.apply_lists().await;
    }
}
