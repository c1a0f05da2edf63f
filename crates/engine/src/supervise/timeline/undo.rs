//! Undoes changes.

use std::time::Duration;

use privet_config::unix_time::now_ms;
use privet_config::{FileLines, Revision};

use super::change::{Change, ChangeOrigin, ChangeSource, ChangeStatus, UndoAction, UndoError};
use crate::supervise::configuration::report::{ApplyError, ApplyMode, ConfigSource};
use crate::supervise::configuration::secrets::KeyringCache;
use crate::supervise::mode::PauseLength;
use crate::supervise::supervisor::Supervisor;

impl Supervisor {
    /// Undoes a change as far as the engine can. Returns the change that this makes.
    pub(crate) async fn undo(
        &mut self,
        id: u64,
        source: ChangeSource,
        secrets: &KeyringCache,
    ) -> Result<ChangeStatus, UndoError> {
        let change = self.timeline.get(id).ok_or(UndoError::Unknown(id))?.clone();
        let status = self.status_of(&change, &FileLines::of(&self.config_text));
        if let Some(obstacle) = status.obstacle {
            return Err(UndoError::Obstructed(obstacle));
        }
        let by = ChangeOrigin {
            source,
            undoes: Some(id),
        };
        let made = self.apply_undo(&change, secrets, by).await?;
        let made = made.and_then(|made| self.change(made));
        made.ok_or_else(|| UndoError::Obstructed("there is nothing left to undo".to_owned()))
    }

    async fn apply_undo(
        &mut self,
        change: &Change,
        secrets: &KeyringCache,
        by: ChangeOrigin,
    ) -> Result<Option<u64>, UndoError> {
        Ok(match change.undo.clone() {
            UndoAction::RevertFile(Some(revision)) => {
                self.revert_file(change, &revision, secrets, by).await?
            }
            UndoAction::SwitchMode { from, .. } => {
                let switch = self.shared.switch_mode(&from, None)?;
                self.record_mode_switch(&switch, by).await
            }
            UndoAction::EndPause { .. } => {
                let switch = self.shared.resume_mode();
                self.record_mode_switch(&switch, by).await
            }
            UndoAction::StartPause { mode, until_ms } => {
                let length = match until_ms {
                    Some(until) => {
                        PauseLength::For(Duration::from_millis(until.saturating_sub(now_ms())))
                    }
                    None => PauseLength::UntilRestart,
                };
                let switch = self.shared.switch_mode(&mode, Some(length))?;
                self.record_mode_switch(&switch, by).await
            }
            UndoAction::RemoveTemporaryRule { number, .. } => {
                self.remove_temporary_rule(number, by).await?
            }
            UndoAction::AddTemporaryRule { lifetime, rule } => {
                let added = self
                    .add_temporary_rule(rule, lifetime, ApplyMode::Commit, by)
                    .await?;
                added.change
            }
            UndoAction::ActOnList { name, action } => {
                let done = self.act_on_list(name.clone(), action).await;
                let inverse = done.map_err(|error| UndoError::Obstructed(error.to_string()))?;
                Some(self.record_list_action(by, name, action, inverse).await)
            }
            UndoAction::RestoreBackend(to) => {
                let restored = self.restore_backend(to, by).await;
                restored.map_err(|error| UndoError::Obstructed(error.to_string()))?
            }
            UndoAction::RevertFile(None) | UndoAction::SystemProxy { .. } | UndoAction::Never => {
                None
            }
        })
    }

    async fn revert_file(
        &mut self,
        change: &Change,
        revision: &Revision,
        secrets: &KeyringCache,
        by: ChangeOrigin,
    ) -> Result<Option<u64>, UndoError> {
        // From the text on disk: it may have been edited by hand.
        let on_disk = self.file_text().await;
        let text = self
            .with_later_revisions(change, revision, |later| {
                revision.revert(&FileLines::of(&on_disk), later)
            })
            .map_err(UndoError::Obstructed)?;
        let config = ConfigSource::Text {
            text,
            base: Some(on_disk),
        };
        match self.apply(config, secrets, ApplyMode::Commit, by).await {
            Ok(report) => Ok(report.change),
            Err(ApplyError::Config(found)) => {
                Err(UndoError::Obstructed(match found.errors().next() {
                    Some(first) => format!(
                        "the rest of the file is not valid without it: {}",
                        first.cause
                    ),
                    None => found.to_string(),
                }))
            }
            Err(error) => Err(error.into()),
        }
    }
}
