//! Noting changes, telling of them and taking them back.

use std::time::{Duration, SystemTime};

use privet_config::{FileLines, Revision};

use super::describe::of_rule;
use super::{ChangeDetail, ChangeSource, ChangeStatus, Entry, UndoAction, UndoError};
use crate::supervise::configuration::reload::{ApplyError, ChangeOrigin};
use crate::supervise::lists::ListAction;
use crate::supervise::rules::{TemporaryLifetime, now_ms};
use crate::supervise::supervisor::Supervisor;

impl Supervisor {
    /// Writes a change into the timeline; its number.
    pub(crate) async fn note(
        &mut self,
        by: ChangeOrigin,
        what: Vec<ChangeDetail>,
        undo: UndoAction,
    ) -> u64 {
        let entry = Entry {
            id: 0,
            at_ms: now_ms(),
            door: by.door,
            what,
            undo,
            undoes: by.undoes,
            of_this_run: true,
        };
        let id = self.timeline.next();
        let writing = self.timeline.add(entry);
        let written = tokio::task::spawn_blocking(move || writing.carry_out()).await;
        match written.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
            Ok(()) => self.shared.problems.settle("changes"),
            Err(error) => {
                self.timeline.not_written();
                self.shared.problems.raise(
                    "changes",
                    format!("the timeline could not be written: {error}"),
                    "look at the disk and at the data folder; what was changed is in force",
                );
            }
        }
        id
    }

    /// The newest first, from `offset` on, and how many there are.
    pub(crate) fn tell(&self, offset: usize, limit: usize) -> (usize, Vec<ChangeStatus>) {
        let now = FileLines::of(&self.text);
        let window = self.timeline.newest().skip(offset).take(limit);
        let told = window.map(|entry| self.told(entry, &now)).collect();
        (self.timeline.len(), told)
    }

    pub(crate) fn tell_one(&self, id: u64) -> Option<ChangeStatus> {
        let entry = self.timeline.get(id)?;
        Some(self.told(entry, &FileLines::of(&self.text)))
    }

    /// Takes a change back as far as the engine can; what it made of it is an entry of its own.
    pub(crate) async fn undo(
        &mut self,
        id: u64,
        door: ChangeSource,
    ) -> Result<ChangeStatus, UndoError> {
        let entry = self.timeline.get(id).ok_or(UndoError::Unknown(id))?.clone();
        if let Some(obstacle) = self.told(&entry, &FileLines::of(&self.text)).obstacle {
            return Err(UndoError::Obstructed(obstacle));
        }
        let by = ChangeOrigin {
            door,
            undoes: Some(id),
        };
        let made = match entry.undo.clone() {
            UndoAction::File(Some(revision)) => self.undo_edit(&entry, &revision, by).await?,
            UndoAction::Mode { from, .. } => self.choose_mode(from, None, by).await?.1,
            UndoAction::Pause { .. } => self.resume(by).await,
            UndoAction::Resume { mode, until_ms } => {
                let left = Duration::from_millis(until_ms.saturating_sub(now_ms()));
                self.choose_mode(mode, Some(left), by).await?.1
            }
            UndoAction::Made { number, .. } => self.drop_temporary(number, by).await?,
            UndoAction::Taken { span, rule } => {
                self.add_temporary(rule, span, false, by).await?.change
            }
            UndoAction::List { name, back } => {
                let done = self.act_on_list(name.clone(), back).await;
                let again = done.map_err(|refusal| UndoError::Obstructed(refusal.to_string()))?;
                Some(self.note_list(by, name, back, again).await)
            }
            UndoAction::File(None) | UndoAction::SystemProxy { .. } | UndoAction::Never => None,
        };
        let made = made.and_then(|made| self.tell_one(made));
        made.ok_or_else(|| UndoError::Obstructed("nothing is left to take back".to_owned()))
    }

    async fn undo_edit(
        &mut self,
        entry: &Entry,
        revision: &Revision,
        by: ChangeOrigin,
    ) -> Result<Option<u64>, UndoError> {
        // The file as it stands: somebody may be writing it by hand.
        let disk = self.file_text().await.unwrap_or_default();
        let text = self
            .reverting(entry, revision, |later| {
                revision.revert(&FileLines::of(&disk), later)
            })
            .map_err(UndoError::Obstructed)?;
        match self.apply(Some(text), false, by).await {
            Ok(applied) => Ok(applied.change),
            Err(ApplyError::Config(found)) => {
                Err(UndoError::Obstructed(match found.errors().next() {
                    Some(first) => format!(
                        "what else the file says does not go without it: {}",
                        first.cause
                    ),
                    None => found.to_string(),
                }))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Ends the pause that runs.
    async fn resume(&mut self, by: ChangeOrigin) -> Option<u64> {
        let state = self.modes.state();
        self.modes.resume();
        self.swap_mode();
        let undo = UndoAction::Resume {
            mode: state.name.clone(),
            until_ms: state.until_ms?,
        };
        let what = ChangeDetail::new("resume", [("mode", state.name)]);
        Some(self.note(by, vec![what], undo).await)
    }

    /// Notes that the file's text is another one now; `None`: it is not.
    pub(crate) async fn note_text(
        &mut self,
        by: ChangeOrigin,
        what: Vec<ChangeDetail>,
        text: String,
    ) -> Option<u64> {
        let before = std::mem::replace(&mut self.text, text);
        let revision = Revision::between(&before, &self.text);
        if revision.as_ref().is_some_and(Revision::is_empty) {
            return None;
        }
        Some(self.note(by, what, UndoAction::File(revision)).await)
    }

    /// Notes a rule of no file that came or went.
    pub(crate) async fn note_temporary(
        &mut self,
        by: ChangeOrigin,
        came: bool,
        span: TemporaryLifetime,
        undo: UndoAction,
    ) -> u64 {
        let (UndoAction::Made { rule, .. } | UndoAction::Taken { rule, .. }) = &undo else {
            return self.note(by, Vec::new(), undo).await;
        };
        let kind = match (span, came) {
            (TemporaryLifetime::Once, true) => "once-added",
            (TemporaryLifetime::Once, false) => "once-removed",
            (TemporaryLifetime::UntilQuit, true) => "until-quit-added",
            (TemporaryLifetime::UntilQuit, false) => "until-quit-removed",
        };
        let what = of_rule(kind, rule, []);
        self.note(by, vec![what], undo).await
    }

    /// Notes what was said of a list's versions; `back` takes it back.
    pub(crate) async fn note_list(
        &mut self,
        by: ChangeOrigin,
        name: String,
        act: ListAction,
        back: Option<ListAction>,
    ) -> u64 {
        let kind = match act {
            ListAction::Accept => "list-accepted",
            ListAction::Keep => "list-kept",
            ListAction::Rollback => "list-rolled-back",
            ListAction::Resume => "list-resumed",
        };
        let what = ChangeDetail::new(kind, [("name", name.clone())]);
        let undo = back.map_or(UndoAction::Never, |back| UndoAction::List { name, back });
        self.note(by, vec![what], undo).await
    }

    /// The file's text as it stands; `None`: there is no file, or none that can be read.
    pub(crate) async fn file_text(&self) -> Option<String> {
        let path = self.options.config_path.clone();
        let read = tokio::task::spawn_blocking(move || {
            let size = std::fs::metadata(&path).ok()?.len();
            (size <= privet_config::MAX_FILE as u64).then(|| std::fs::read_to_string(&path).ok())?
        });
        read.await.ok().flatten()
    }
}

/// RFC 3339, to the second.
pub(crate) fn moment_text(ms: u64) -> String {
    privet_config::format_timestamp_seconds(SystemTime::UNIX_EPOCH + Duration::from_millis(ms))
}
