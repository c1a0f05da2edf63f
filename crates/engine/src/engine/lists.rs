//! Block lists: states, skipped lines, refresh, and user actions.

use super::Engine;
use crate::supervise::command::{Command, ListCommand};
use crate::supervise::lists::lines::{ListLines, skipped_lines};
use crate::supervise::lists::{ListAction, ListActionError, ListState};
use crate::supervise::timeline::ChangeSource;

impl Engine {
    pub async fn lists(&self) -> Vec<ListState> {
        self.request(|reply| Command::Lists(ListCommand::States { reply }))
            .await
            .unwrap_or_default()
    }

    /// The lines of a list that were skipped; `None`: no list in use has this name.
    pub async fn list_lines(&self, name: &str) -> Option<ListLines> {
        skipped_lines(&self.snapshot(), name).await
    }

    /// Reads or fetches a list now and waits for the outcome. Returns false if there is no list of that name.
    pub async fn refresh_list(&self, name: &str) -> bool {
        let list = name.to_owned();
        self.request(|reply| Command::Lists(ListCommand::Refresh { list, reply }))
            .await
            .unwrap_or(false)
    }

    /// Carries out a user action on a list's versions.
    ///
    /// # Errors
    /// Unknown list, nothing to act on, or a damaged text.
    pub async fn act_on_list(
        &self,
        source: ChangeSource,
        name: &str,
        action: ListAction,
    ) -> Result<(), ListActionError> {
        let list = name.to_owned();
        let done = self
            .request(|reply| {
                Command::Lists(ListCommand::Act {
                    list,
                    action,
                    by: source.into(),
                    reply,
                })
            })
            .await;
        done.unwrap_or_else(|| Err(ListActionError::Failed("the engine is stopping".to_owned())))
    }
}
