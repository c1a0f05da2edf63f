//! Why a change cannot be taken back.

use privet_config::{FileLines, RevertError, Revision};

use super::{ChangeStatus, Entry, UndoAction};
use crate::supervise::rules::{is_open, now_ms};
use crate::supervise::supervisor::Supervisor;

/// What is said of a list's versions.
const SAID_OF_LISTS: [&str; 4] = [
    "list-accepted",
    "list-kept",
    "list-rolled-back",
    "list-resumed",
];
/// Uses of the system proxy's switch.
const PROXY_SWITCHED: [&str; 3] = [
    "system-proxy-on",
    "system-proxy-off",
    "system-proxy-repaired",
];

impl Supervisor {
    pub(super) fn told(&self, entry: &Entry, now: &FileLines) -> ChangeStatus {
        let undone_by = self.timeline.undone_by(entry.id);
        let obstacle = match undone_by {
            Some(by) => Some(format!("change {by} took it back")),
            None => self.obstacle(entry, now),
        };
        ChangeStatus {
            entry: entry.clone(),
            undone_by,
            obstacle,
        }
    }

    fn obstacle(&self, entry: &Entry, now: &FileLines) -> Option<String> {
        match &entry.undo {
            UndoAction::File(None) => Some("it changed so much that it was not kept".to_owned()),
            UndoAction::File(Some(revision)) => self
                .reverting(entry, revision, |later| revision.can_revert(now, later))
                .err(),
            UndoAction::Mode { from, to } => self.not_in_mode(from, to),
            UndoAction::Pause { mode, until_ms } => {
                let now = self.modes.state();
                let runs = now.name == *mode && now.until_ms == Some(*until_ms);
                (!runs).then(|| "the pause is over".to_owned())
            }
            UndoAction::Resume { until_ms, .. } => {
                (*until_ms <= now_ms()).then(|| "the pause would be over by now".to_owned())
            }
            UndoAction::Made { number, .. } => {
                let held = self
                    .temporary
                    .iter()
                    .find(|held| held.rule.number == *number);
                let gone = held.is_none_or(|held| !is_open(&held.rule));
                gone.then(|| "the rule is gone already".to_owned())
            }
            UndoAction::Taken { .. } => (!entry.of_this_run)
                .then(|| "the engine for which it was made has ended".to_owned()),
            UndoAction::List { .. } => self.used_since(entry, &SAID_OF_LISTS),
            UndoAction::SystemProxy { .. } => self.used_since(entry, &PROXY_SWITCHED),
            UndoAction::Never => Some("this is nothing that can be taken back".to_owned()),
        }
    }

    /// A change of one of these kinds, and of the same name, that was made since and stands.
    fn used_since(&self, entry: &Entry, kinds: &[&str]) -> Option<String> {
        let name = |entry: &Entry| entry.what.first()?.values.get("name").cloned();
        let of = name(entry);
        let mut later = self.timeline.since(entry.id).filter(|later| {
            let told = later.what.first();
            told.is_some_and(|what| kinds.contains(&what.kind.as_str())) && name(later) == of
        });
        // What took back a change made since, and that change, are not in the way.
        let stands = |later: &&Entry| {
            later.undoes.is_none_or(|undone| undone <= entry.id)
                && self.timeline.undone_by(later.id).is_none()
        };
        later.rfind(stands).map(in_the_way)
    }

    fn not_in_mode(&self, from: &str, to: &str) -> Option<String> {
        let config = self.shared.snapshot.load().config.clone();
        if self.modes.standing() != to {
            return Some(format!("the mode is {} now", self.modes.standing()));
        }
        (!config.modes.contains_key(from)).then(|| format!("there is no mode {from} any more"))
    }

    /// What `revert` makes of the changes made since, or what is in the way.
    pub(super) fn reverting<T>(
        &self,
        entry: &Entry,
        revision: &Revision,
        revert: impl FnOnce(&[&Revision]) -> Result<T, RevertError>,
    ) -> Result<T, String> {
        let later: Vec<(u64, &Revision)> = self
            .timeline
            .since(entry.id)
            .filter_map(|later| match &later.undo {
                UndoAction::File(Some(revision)) => Some((later.id, revision)),
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
                (RevertError::Changed, Some(by)) => in_the_way(by),
                _ => obstacle.to_string(),
            }
        })
    }
}

fn in_the_way(by: &Entry) -> String {
    let what: Vec<String> = by.what.iter().map(ToString::to_string).collect();
    format!("change {} is in the way: {}", by.id, what.join("; "))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::ChangeDetail;
    use super::*;
    use crate::gateway::current_policy::tests::engine;
    use crate::supervise::configuration::reload::ChangeOrigin;
    use crate::supervise::lists::ListAction;
    use crate::supervise::timeline::ChangeSource;

    #[tokio::test]
    async fn lists_and_the_switch_are_not_taken_back_over_what_was_said_of_them_since() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine(folder.path(), "mode = \"standard\"\n").await;
        let door = ChangeSource::Cli;
        let note = async |kind: &str, name: Option<&str>, undo, undoes| {
            let mut what = ChangeDetail::new(kind, []);
            what.values
                .extend(name.map(|name| ("name".to_owned(), name.to_owned())));
            let by = ChangeOrigin { door, undoes };
            engine.note(by, vec![what], undo).await.unwrap()
        };
        let list = |name: &str, back| UndoAction::List {
            name: name.into(),
            back,
        };
        let switch = |was_on| UndoAction::SystemProxy { was_on };
        let obstacle = async |id| engine.change(id).await.unwrap().obstacle;

        let back = list("ads", ListAction::Resume);
        let ads = note("list-rolled-back", Some("ads"), back, None).await;
        let back = list("new", ListAction::Resume);
        note("list-rolled-back", Some("new"), back, None).await;
        let on = note("system-proxy-on", None, switch(false), None).await;
        assert_eq!((obstacle(ads).await, obstacle(on).await), (None, None));

        let off = note("system-proxy-off", None, switch(true), None).await;
        let kept = note("list-kept", Some("ads"), UndoAction::Never, None).await;
        let in_the_way = |id, text| Some(format!("change {id} is in the way: {text}"));
        assert_eq!(
            obstacle(ads).await,
            in_the_way(kept, "the held update of list ads was refused")
        );
        assert_eq!(
            obstacle(on).await,
            in_the_way(off, "the system proxy was turned off")
        );
        let again = note("system-proxy-on", None, switch(false), Some(off)).await;
        assert_eq!((obstacle(on).await, obstacle(again).await), (None, None));
        let gone = note("system-proxy-off", None, switch(true), Some(on)).await;
        assert_eq!(
            obstacle(again).await,
            in_the_way(gone, "the system proxy was turned off")
        );
        engine.stop(Duration::ZERO).await;
    }
}
