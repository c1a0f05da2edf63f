//! Records changes in the timeline and reports them.

use privet_config::unix_time::now_ms;
use privet_config::{FileLines, Revision};

use super::change::{Change, ChangeOrigin, ChangeStatus, UndoAction};
use super::describe::rule_detail;
use super::detail::ChangeDetail;
use crate::supervise::lists::ListAction;
use crate::supervise::rules::TemporaryLifetime;
use crate::supervise::supervisor::Supervisor;

impl Supervisor {
    /// Records a change and writes it to disk. Returns its number.
    pub(crate) async fn record_change(
        &mut self,
        by: ChangeOrigin,
        what: Vec<ChangeDetail>,
        undo: UndoAction,
    ) -> u64 {
        let change = Change {
            id: 0,
            at_ms: now_ms(),
            source: by.source,
            what,
            undo,
            undoes: by.undoes,
            of_this_run: true,
        };
        let id = self.timeline.next_id();
        let write = self.timeline.add(change);
        let written = tokio::task::spawn_blocking(move || write.execute()).await;
        match written.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
            Ok(()) => self.shared.problems.clear("changes"),
            Err(error) => {
                self.timeline.mark_write_failed();
                self.shared.problems.raise(
                    "changes",
                    format!("the timeline could not be written: {error}"),
                    "check the disk and the permissions of the data folder; the change itself was made",
                );
            }
        }
        id
    }

    /// A window of the timeline, newest first, and the number of all changes.
    pub(crate) fn changes(&self, offset: usize, limit: usize) -> (usize, Vec<ChangeStatus>) {
        let text = FileLines::of(&self.config_text);
        let window = self.timeline.newest().skip(offset).take(limit);
        let window = window.map(|change| self.status_of(change, &text)).collect();
        (self.timeline.len(), window)
    }

    /// One change.
    pub(crate) fn change(&self, id: u64) -> Option<ChangeStatus> {
        let change = self.timeline.get(id)?;
        Some(self.status_of(change, &FileLines::of(&self.config_text)))
    }

    /// Records that the file's text is `text` now; `None`: it was that before.
    pub(crate) async fn record_text_change(
        &mut self,
        by: ChangeOrigin,
        what: Vec<ChangeDetail>,
        text: String,
    ) -> Option<u64> {
        let before = std::mem::replace(&mut self.config_text, text);
        let revision = Revision::between(&before, &self.config_text);
        if revision.as_ref().is_some_and(Revision::is_empty) {
            return None;
        }
        let undo = UndoAction::RevertFile(revision);
        Some(self.record_change(by, what, undo).await)
    }

    /// Records that a temporary rule was added.
    pub(crate) async fn record_temporary_rule_added(
        &mut self,
        by: ChangeOrigin,
        number: u32,
        lifetime: TemporaryLifetime,
        rule: serde_json::Value,
    ) -> u64 {
        let kind = match lifetime {
            TemporaryLifetime::Once => "once-added",
            TemporaryLifetime::UntilQuit => "until-quit-added",
        };
        let what = rule_detail(kind, &rule, []);
        let undo = UndoAction::RemoveTemporaryRule {
            number,
            lifetime,
            rule,
        };
        self.record_change(by, vec![what], undo).await
    }

    /// Records that a temporary rule was removed.
    pub(crate) async fn record_temporary_rule_removed(
        &mut self,
        by: ChangeOrigin,
        lifetime: TemporaryLifetime,
        rule: serde_json::Value,
    ) -> u64 {
        let kind = match lifetime {
            TemporaryLifetime::Once => "once-removed",
            TemporaryLifetime::UntilQuit => "until-quit-removed",
        };
        let what = rule_detail(kind, &rule, []);
        let undo = UndoAction::AddTemporaryRule { lifetime, rule };
        self.record_change(by, vec![what], undo).await
    }

    /// Records a user action on a list; `inverse` undoes it.
    pub(crate) async fn record_list_action(
        &mut self,
        by: ChangeOrigin,
        name: String,
        action: ListAction,
        inverse: Option<ListAction>,
    ) -> u64 {
        let kind = match action {
            ListAction::Accept => "list-accepted",
            ListAction::Keep => "list-kept",
            ListAction::Rollback => "list-rolled-back",
            ListAction::Resume => "list-resumed",
        };
        let what = ChangeDetail::new(kind, [("name", name.clone())]);
        let undo = match inverse {
            Some(action) => UndoAction::ActOnList { name, action },
            None => UndoAction::Never,
        };
        self.record_change(by, vec![what], undo).await
    }
}
