//! The supervisor's work on filter lists: reading again, fetching what is due, counting, saying what is wrong.

use std::time::{Duration, Instant, SystemTime};

use tokio::sync::oneshot;

use crate::supervise::command::Command;
use crate::supervise::lists::fetch::{Fetched, fetch};
use crate::supervise::lists::{ListAction, ListActionError, Lists};
use crate::supervise::supervisor::Supervisor;

/// Figures alone are written this seldom; what a person or a server said is written at once.
const SAVED_EVERY: Duration = Duration::from_secs(60);
/// Callers that wait for a fetch; more are answered before it is done.
const MOST_WAITING: usize = 64;

impl Supervisor {
    /// Every list that is not as it should be is a problem; one that is, is none any more.
    pub(crate) fn say_list_errors(&mut self) {
        let problems = &self.shared.problems;
        for state in self.lists.states() {
            let (name, about) = (&state.name, format!("list:{}", state.name));
            match (state.error, state.mend) {
                (Some(error), Some(mend)) => {
                    problems.raise_once(about, format!("list {name:?}: {error}"), mend);
                }
                _ => problems.settle(&about),
            }
            let about = format!("list-held:{name}");
            match state.held.filter(|held| !held.declined) {
                Some(held) => problems.raise_once(
                    about,
                    format!("list {name:?}: an update is held back: {}", held.text),
                    "use the update, or keep the old version (privet lists accept | keep)",
                ),
                None => problems.settle(&about),
            }
        }
        for (about, text) in self.lists.said() {
            let mend = "nothing has to be done: an earlier version or a new fetch stands in for it; the file may be deleted";
            problems.raise(about, text, mend);
        }
    }

    /// Of lists that are not in the file nothing is wrong.
    pub(crate) fn forget_list_problems(&self) {
        for problem in self.shared.problems.all() {
            let about = problem.about.split_once(':');
            if let Some(("list" | "list-held" | "list-file", name)) = about
                && !self.lists.contains(name)
            {
                self.shared.problems.settle(&problem.about);
            }
        }
    }

    /// Each second: figures, the end of a probation, fetches.
    pub(crate) async fn lists_tick(&mut self) {
        let now = SystemTime::now();
        self.lists.book(now);
        if let Some(name) = self.lists.probation_over(now) {
            tracing::info!(
                list = name,
                "the probation is over: the list blocks from now on"
            );
            self.swap_lists().await;
        }
        if self.lists_saved.elapsed() >= SAVED_EVERY {
            self.save_lists().await;
        }
        self.start_fetches(None);
    }

    /// Writes what is to be remembered of the lists.
    pub(crate) async fn save_lists(&mut self) {
        self.lists.book(SystemTime::now());
        self.lists_saved = Instant::now();
        let hosts = self.keeps_connections_on_disk();
        let Some(records) = self.lists.unsaved(hosts) else {
            return;
        };
        let folder = self.lists.data_dir().to_owned();
        let written = tokio::task::spawn_blocking(move || records.write(&folder)).await;
        if !matches!(written, Ok(Ok(()))) {
            self.lists.not_saved();
        }
        match written {
            Ok(Ok(())) => self.shared.problems.settle("lists-state"),
            Ok(Err(error)) => self.shared.problems.raise_once(
                "lists-state",
                format!("what is remembered of the lists cannot be written: {error}"),
                "look at the disk and at the data folder",
            ),
            Err(error) => tracing::error!("writing the lists' figures broke off: {error}"),
        }
    }

    /// Works on the lists off the runtime's threads.
    pub(crate) async fn on_lists<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Lists) -> T + Send + 'static,
    ) -> Option<T> {
        let mut lists = self.lists.clone();
        let worked = tokio::task::spawn_blocking(move || {
            let done = work(&mut lists);
            (lists, done)
        });
        match worked.await {
            Ok((lists, done)) => {
                self.lists = lists;
                Some(done)
            }
            Err(error) => {
                tracing::error!("work on the lists broke off: {error}");
                None
            }
        }
    }

    /// Reads or fetches one list now. The reply comes when that is done: whether there is one of that name.
    pub(crate) async fn refresh(&mut self, name: String, reply: oneshot::Sender<bool>) {
        if !self.lists.contains(&name) {
            let _ = reply.send(false);
            return;
        }
        let of = name.clone();
        self.on_lists(move |lists| lists.reread(Some(&of))).await;
        self.shared.problems.settle(&format!("list-file:{name}"));
        self.say_list_errors();
        self.swap_lists().await;
        self.start_fetches(Some(&name));
        if self.lists.is_fetching(&name) && self.refreshing.len() < MOST_WAITING {
            self.refreshing.push((name, reply));
        } else {
            let _ = reply.send(true);
        }
    }

    /// Carries out a wish about a list's versions; what takes it back, if something does.
    pub(crate) async fn act_on_list(
        &mut self,
        name: String,
        act: ListAction,
    ) -> Result<Option<ListAction>, ListActionError> {
        let back = self.lists.way_back(&name, act);
        let of = name.clone();
        let done = self.on_lists(move |lists| lists.act(&of, act)).await;
        let done =
            done.unwrap_or_else(|| Err(ListActionError::Failed("the work broke off".to_owned())));
        self.save_lists().await;
        self.say_list_errors();
        if done.is_ok() {
            tracing::info!(list = name, ?act, "the list's version was chosen");
            self.swap_lists().await;
        }
        self.start_fetches(None);
        done.map(|()| back)
    }

    /// Starts the fetches that are due, each a task that reports back as a command.
    pub(crate) fn start_fetches(&mut self, only: Option<&str>) {
        // Those that have ended are let go.
        while self.fetches.try_join_next().is_some() {}
        for due in self.lists.due(SystemTime::now(), only) {
            let (shared, commands) = (self.shared.clone(), self.commands.clone());
            self.fetches.spawn(async move {
                let (list, url) = (due.name.clone(), due.url.clone());
                let outcome = fetch(due, shared).await;
                let _ = commands.send(Command::Fetched { list, url, outcome }).await;
            });
        }
    }

    pub(crate) async fn fetched(&mut self, name: String, url: String, outcome: Fetched) {
        let (now, of) = (SystemTime::now(), name.clone());
        let arrived = self.on_lists(move |lists| lists.arrived(&of, &url, now, outcome));
        let is_new = arrived.await.unwrap_or(false);
        self.save_lists().await;
        self.say_list_errors();
        if is_new {
            self.swap_lists().await;
        }
        for (_, reply) in self.refreshing.extract_if(.., |waiting| waiting.0 == name) {
            let _ = reply.send(true);
        }
    }
}
