//! Whether a change can be undone now, and if not, why.

use privet_config::unix_time::now_ms;
use privet_config::{FileLines, RevertError, Revision};

use super::change::{Change, ChangeStatus, UndoAction};
use crate::supervise::rules::tracked::is_open;
use crate::supervise::supervisor::Supervisor;

/// Kinds of user actions on a list's versions.
const LIST_ACTIONS: [&str; 4] = [
    "list-accepted",
    "list-kept",
    "list-rolled-back",
    "list-resumed",
];
/// Kinds of changes of a site's backend by hand.
const BACKEND_CHANGES: [&str; 4] = [
    "backend-draining",
    "backend-in-use",
    "backend-weight",
    "backend-weight-reset",
];
/// Kinds of switches of the system proxy.
const PROXY_SWITCHES: [&str; 3] = [
    "system-proxy-on",
    "system-proxy-off",
    "system-proxy-repaired",
];

impl Supervisor {
    /// The change with what undid it, or why it cannot be undone. `now` is the current text of the configuration.
    pub(super) fn status_of(&self, change: &Change, now: &FileLines) -> ChangeStatus {
        let undone_by = self.timeline.undone_by(change.id);
        let obstacle = match undone_by {
            Some(by) => Some(format!("change {by} undid it")),
            None => self.obstacle(change, now),
        };
        ChangeStatus {
            change: change.clone(),
            undone_by,
            obstacle,
        }
    }

    fn obstacle(&self, change: &Change, now: &FileLines) -> Option<String> {
        match &change.undo {
            UndoAction::RevertFile(None) => Some("the change was too large to be kept".to_owned()),
            UndoAction::RevertFile(Some(revision)) => self
                .with_later_revisions(change, revision, |later| revision.can_revert(now, later))
                .err(),
            UndoAction::SwitchMode { from, to } => self.not_in_mode(from, to),
            UndoAction::EndPause { mode, until_ms } => {
                let now = self.shared.modes().state();
                let runs = now.then.is_some() && now.name == *mode && now.until_ms == *until_ms;
                (!runs).then(|| "the pause is over".to_owned())
            }
            UndoAction::StartPause { until_ms, .. } => until_ms
                .is_some_and(|until| until <= now_ms())
                .then(|| "the pause would be over by now".to_owned()),
            UndoAction::RemoveTemporaryRule { number, .. } => {
                let tracked = self
                    .temporary_rules
                    .iter()
                    .find(|tracked| tracked.rule.number == *number);
                let gone = tracked.is_none_or(|tracked| !is_open(&tracked.rule));
                gone.then(|| "the rule does not exist any more".to_owned())
            }
            UndoAction::AddTemporaryRule { .. } => (!change.of_this_run)
                .then(|| "the engine for which it was made has ended".to_owned()),
            UndoAction::ActOnList { .. } => self.changed_since(change, &LIST_ACTIONS),
            UndoAction::SystemProxy { .. } => self.changed_since(change, &PROXY_SWITCHES),
            UndoAction::RestoreBackend(_) if !change.of_this_run => {
                Some("the engine for which it was made has ended".to_owned())
            }
            UndoAction::RestoreBackend(_) => self.changed_since(change, &BACKEND_CHANGES),
            UndoAction::Never => Some("this change cannot be undone".to_owned()),
        }
    }

    /// A later change of one of these kinds and of the same name that was not undone, as an obstacle.
    fn changed_since(&self, change: &Change, kinds: &[&str]) -> Option<String> {
        let name = |change: &Change| change.what.first()?.values.get("name").cloned();
        let of = name(change);
        let mut later = self.timeline.since(change.id).filter(|later| {
            let first = later.what.first();
            first.is_some_and(|what| kinds.contains(&what.kind.as_str())) && name(later) == of
        });
        // A later change that was undone, and its undo, are no obstacle.
        let is_in_effect = |later: &&Change| {
            later.undoes.is_none_or(|undone| undone <= change.id)
                && self.timeline.undone_by(later.id).is_none()
        };
        later.rfind(is_in_effect).map(obstructed_by)
    }

    fn not_in_mode(&self, from: &str, to: &str) -> Option<String> {
        let config = self.shared.snapshot.load().config.clone();
        let modes = self.shared.modes();
        if modes.base() != to {
            return Some(format!("the mode is {} now", modes.base()));
        }
        (!config.modes.contains_key(from)).then(|| format!("there is no mode {from} any more"))
    }

    /// Calls `revert` with the revisions made since `change`; its error becomes the obstacle.
    pub(super) fn with_later_revisions<T>(
        &self,
        change: &Change,
        revision: &Revision,
        revert: impl FnOnce(&[&Revision]) -> Result<T, RevertError>,
    ) -> Result<T, String> {
        let later: Vec<(u64, &Revision)> = self
            .timeline
            .since(change.id)
            .filter_map(|later| match &later.undo {
                UndoAction::RevertFile(Some(revision)) => Some((later.id, revision)),
                _ => None,
            })
            .collect();
        let revisions: Vec<&Revision> = later.iter().map(|(_, revision)| *revision).collect();
        revert(&revisions).map_err(|obstacle| {
            // A change that was undone, and its undo, are no obstacle.
            let is_in_effect = |change: &&Change| {
                change.undoes.is_none() && self.timeline.undone_by(change.id).is_none()
            };
            let touching = revision.touched_by(&revisions);
            let mut touching = touching.into_iter().filter_map(|at| later.get(at));
            let by = touching.find_map(|(id, _)| self.timeline.get(*id).filter(is_in_effect));
            match (obstacle, by) {
                (RevertError::Changed, Some(by)) => obstructed_by(by),
                _ => obstacle.to_string(),
            }
        })
    }
}

fn obstructed_by(by: &Change) -> String {
    let what: Vec<String> = by.what.iter().map(ToString::to_string).collect();
    format!("change {} conflicts: {}", by.id, what.join("; "))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::ChangeDetail;
    use super::*;
    use crate::gateway::tests::engine;
    use crate::supervise::lists::ListAction;
    use crate::supervise::timeline::{ChangeOrigin, ChangeSource};

    #[tokio::test]
    async fn list_and_proxy_changes_are_not_undone_over_later_ones() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine(folder.path(), "mode = \"standard\"\n").await;
        let source = ChangeSource::Cli;
        let note = async |kind: &str, name: Option<&str>, undo, undoes| {
            let mut what = ChangeDetail::new(kind, []);
            what.values
                .extend(name.map(|name| ("name".to_owned(), name.to_owned())));
            let by = ChangeOrigin { source, undoes };
            engine.record_change(by, vec![what], undo).await.unwrap()
        };
        let list = |name: &str, back| UndoAction::ActOnList {
            name: name.into(),
            action: back,
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
        let conflicting = |id, text| Some(format!("change {id} conflicts: {text}"));
        assert_eq!(
            obstacle(ads).await,
            conflicting(kept, "the held update of list ads was refused")
        );
        assert_eq!(
            obstacle(on).await,
            conflicting(off, "the system proxy was turned off")
        );
        let again = note("system-proxy-on", None, switch(false), Some(off)).await;
        assert_eq!((obstacle(on).await, obstacle(again).await), (None, None));
        let gone = note("system-proxy-off", None, switch(true), Some(on)).await;
        assert_eq!(
            obstacle(again).await,
            conflicting(gone, "the system proxy was turned off")
        );
        engine.stop(Duration::ZERO).await;
    }
}
