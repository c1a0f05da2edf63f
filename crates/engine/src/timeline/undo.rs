//! Taking changes back, and saying why one cannot be.

use std::time::{Duration, SystemTime};

use privet_config::{Obstacle, Revision, Text};

use super::describe::of_rule;
use super::{Door, Entry, Told, Undo, UndoError, What};
use crate::keeper::Keeper;
use crate::lists::ListAct;
use crate::reload::{ApplyError, By};
use crate::rules::{Span, is_open, now_ms};

impl Keeper {
    /// Writes a change into the timeline; its number.
    pub(crate) async fn note(&mut self, by: By, what: Vec<What>, undo: Undo) -> u64 {
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
            Err(error) => self.shared.problems.raise(
                "changes",
                format!("the timeline could not be written: {error}"),
                "look at the disk and at the data folder; what was changed is in force",
            ),
        }
        id
    }

    /// The newest first, from `offset` on, and how many there are.
    pub(crate) fn tell(&self, offset: usize, limit: usize) -> (usize, Vec<Told>) {
        let now = Text::of(&self.text);
        let window = self.timeline.newest().skip(offset).take(limit);
        let told = window.map(|entry| self.told(entry, &now)).collect();
        (self.timeline.len(), told)
    }

    pub(crate) fn tell_one(&self, id: u64) -> Option<Told> {
        let entry = self.timeline.get(id)?;
        Some(self.told(entry, &Text::of(&self.text)))
    }

    fn told(&self, entry: &Entry, now: &Text) -> Told {
        let undone_by = self.timeline.undone_by(entry.id);
        let obstacle = match undone_by {
            Some(by) => Some(format!("change {by} took it back")),
            None => self.obstacle(entry, now),
        };
        Told {
            entry: entry.clone(),
            undone_by,
            obstacle,
        }
    }

    fn obstacle(&self, entry: &Entry, now: &Text) -> Option<String> {
        match &entry.undo {
            Undo::File(None) => Some("it changed so much that it was not kept".to_owned()),
            Undo::File(Some(revision)) => self
                .reverting(entry, revision, |later| revision.can_revert(now, later))
                .err(),
            Undo::Mode { from, to } => self.not_in_mode(from, to),
            Undo::Pause { mode, until_ms } => {
                let now = self.modes.state();
                let runs = now.name == *mode && now.until_ms == Some(*until_ms);
                (!runs).then(|| "the pause is over".to_owned())
            }
            Undo::Resume { until_ms, .. } => {
                (*until_ms <= now_ms()).then(|| "the pause would be over by now".to_owned())
            }
            Undo::Made { number, .. } => {
                let held = self
                    .temporary
                    .iter()
                    .find(|held| held.rule.number == *number);
                let gone = held.is_none_or(|held| !is_open(&held.rule));
                gone.then(|| "the rule is gone already".to_owned())
            }
            Undo::Taken { .. } => (!entry.of_this_run)
                .then(|| "the engine for which it was made has ended".to_owned()),
            Undo::List { .. } | Undo::SystemProxy { .. } => None,
            Undo::Never => Some("this is nothing that can be taken back".to_owned()),
        }
    }

    fn not_in_mode(&self, from: &str, to: &str) -> Option<String> {
        let config = self.shared.snapshot.load().config.clone();
        if self.modes.standing() != to {
            return Some(format!("the mode is {} now", self.modes.standing()));
        }
        (!config.modes.contains_key(from)).then(|| format!("there is no mode {from} any more"))
    }

    /// What `revert` makes of the changes made since, or what is in the way.
    fn reverting<T>(
        &self,
        entry: &Entry,
        revision: &Revision,
        revert: impl FnOnce(&[&Revision]) -> Result<T, Obstacle>,
    ) -> Result<T, String> {
        let later: Vec<(u64, &Revision)> = self
            .timeline
            .since(entry.id)
            .filter_map(|later| match &later.undo {
                Undo::File(Some(revision)) => Some((later.id, revision)),
                _ => None,
            })
            .collect();
        let revisions: Vec<&Revision> = later.iter().map(|(_, revision)| *revision).collect();
        revert(&revisions).map_err(|obstacle| {
            // One that was taken back since, and what took it back, are not in the way.
            let stands = |entry: &&Entry| {
                entry.undoes.is_none() && self.timeline.undone_by(entry.id).is_none()
            };
            let touching = revision.touched_by(&revisions);
            let mut touching = touching.into_iter().filter_map(|at| later.get(at));
            let by = touching.find_map(|(id, _)| self.timeline.get(*id).filter(stands));
            match (obstacle, by) {
                (Obstacle::Changed, Some(by)) => {
                    let what: Vec<String> = by.what.iter().map(ToString::to_string).collect();
                    format!("change {} is in the way: {}", by.id, what.join("; "))
                }
                _ => obstacle.to_string(),
            }
        })
    }

    /// Takes a change back as far as the engine can; what it made of it is an entry of its own.
    pub(crate) async fn undo(&mut self, id: u64, door: Door) -> Result<Told, UndoError> {
        let entry = self.timeline.get(id).ok_or(UndoError::Unknown(id))?.clone();
        if let Some(obstacle) = self.told(&entry, &Text::of(&self.text)).obstacle {
            return Err(UndoError::InTheWay(obstacle));
        }
        let by = By {
            door,
            undoes: Some(id),
        };
        let made = match entry.undo.clone() {
            Undo::File(Some(revision)) => self.undo_edit(&entry, &revision, by).await?,
            Undo::Mode { from, .. } => self.choose_mode(from, None, by).await?.1,
            Undo::Pause { .. } => self.resume(by).await,
            Undo::Resume { mode, until_ms } => {
                let left = Duration::from_millis(until_ms.saturating_sub(now_ms()));
                self.choose_mode(mode, Some(left), by).await?.1
            }
            Undo::Made { number, .. } => self.drop_temporary(number, by).await?,
            Undo::Taken { span, rule } => self.add_temporary(rule, span, false, by).await?.change,
            Undo::List { name, back } => {
                let done = self.act_on_list(name.clone(), back).await;
                done.map_err(|refusal| UndoError::InTheWay(refusal.to_string()))?;
                Some(self.note_list(by, name, back).await)
            }
            Undo::File(None) | Undo::SystemProxy { .. } | Undo::Never => None,
        };
        let made = made.and_then(|made| self.tell_one(made));
        made.ok_or_else(|| UndoError::InTheWay("nothing is left to take back".to_owned()))
    }

    async fn undo_edit(
        &mut self,
        entry: &Entry,
        revision: &Revision,
        by: By,
    ) -> Result<Option<u64>, UndoError> {
        // The file as it stands: somebody may be writing it by hand.
        let disk = self.file_text().await.unwrap_or_default();
        let text = self
            .reverting(entry, revision, |later| {
                revision.revert(&Text::of(&disk), later)
            })
            .map_err(UndoError::InTheWay)?;
        match self.apply(Some(text), false, by).await {
            Ok(applied) => Ok(applied.change),
            Err(ApplyError::Config(found)) => {
                Err(UndoError::InTheWay(match found.errors().next() {
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
    async fn resume(&mut self, by: By) -> Option<u64> {
        let state = self.modes.state();
        self.modes.resume();
        self.swap_mode();
        let undo = Undo::Resume {
            mode: state.name.clone(),
            until_ms: state.until_ms?,
        };
        let what = What::new("resume", [("mode", state.name)]);
        Some(self.note(by, vec![what], undo).await)
    }

    /// Notes that the file's text is another one now; `None`: it is not.
    pub(crate) async fn note_text(&mut self, by: By, what: Vec<What>, text: String) -> Option<u64> {
        let before = std::mem::replace(&mut self.text, text);
        let revision = Revision::between(&before, &self.text);
        if revision.as_ref().is_some_and(Revision::is_empty) {
            return None;
        }
        Some(self.note(by, what, Undo::File(revision)).await)
    }

    /// Notes a rule of no file that came or went.
    pub(crate) async fn note_temporary(
        &mut self,
        by: By,
        came: bool,
        span: Span,
        undo: Undo,
    ) -> u64 {
        let (Undo::Made { rule, .. } | Undo::Taken { rule, .. }) = &undo else {
            return self.note(by, Vec::new(), undo).await;
        };
        let kind = match (span, came) {
            (Span::Once, true) => "once-added",
            (Span::Once, false) => "once-removed",
            (Span::UntilQuit, true) => "until-quit-added",
            (Span::UntilQuit, false) => "until-quit-removed",
        };
        let what = of_rule(kind, rule, []);
        self.note(by, vec![what], undo).await
    }

    /// Notes what was said of a list's versions.
    pub(crate) async fn note_list(&mut self, by: By, name: String, act: ListAct) -> u64 {
        let (kind, back) = match act {
            ListAct::Accept => ("list-accepted", ListAct::Rollback),
            ListAct::Keep => ("list-kept", ListAct::Accept),
            ListAct::Rollback => ("list-rolled-back", ListAct::Resume),
            ListAct::Resume => ("list-resumed", ListAct::Rollback),
        };
        let what = What::new(kind, [("name", name.clone())]);
        self.note(by, vec![what], Undo::List { name, back }).await
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
    privet_config::format_moment(SystemTime::UNIX_EPOCH + Duration::from_secs(ms / 1000))
}
