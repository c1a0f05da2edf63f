//! The timeline: reading, recording and undoing changes.

use super::{Engine, SECRET_ATTEMPTS, stopping};
use crate::supervise::command::{Command, TimelineCommand};
use crate::supervise::configuration::report::ApplyError;
use crate::supervise::configuration::secrets::KeyringCache;
use crate::supervise::timeline::{
    ChangeDetail, ChangeOrigin, ChangeSource, ChangeStatus, UndoAction, UndoError,
};

impl Engine {
    /// A window of the timeline, newest first, and the number of all changes.
    pub async fn changes(&self, offset: usize, limit: usize) -> (usize, Vec<ChangeStatus>) {
        self.request(|reply| {
            Command::Timeline(TimelineCommand::Page {
                offset,
                limit,
                reply,
            })
        })
        .await
        .unwrap_or_default()
    }

    /// One change of the timeline.
    pub async fn change(&self, id: u64) -> Option<ChangeStatus> {
        self.request(|reply| Command::Timeline(TimelineCommand::Change { id, reply }))
            .await
            .flatten()
    }

    /// Records a change that was made outside the engine. Returns its number.
    pub async fn record_change(
        &self,
        by: ChangeOrigin,
        what: Vec<ChangeDetail>,
        undo: UndoAction,
    ) -> Option<u64> {
        self.request(|reply| {
            Command::Timeline(TimelineCommand::Record {
                by,
                what,
                undo,
                reply,
            })
        })
        .await
    }

    /// Undoes a change. Returns the change that this makes.
    ///
    /// # Errors
    /// The change cannot be undone now. A switch of the system proxy is undone by the caller.
    pub async fn undo(&self, source: ChangeSource, id: u64) -> Result<ChangeStatus, UndoError> {
        let mut secrets = KeyringCache::default();
        for _ in 0..SECRET_ATTEMPTS {
            let with = secrets.clone();
            let undone = self.request(|reply| {
                Command::Timeline(TimelineCommand::Undo {
                    id,
                    source,
                    secrets: with,
                    reply,
                })
            });
            let undone = undone.await;
            match undone.unwrap_or_else(|| Err(UndoError::Apply(stopping()))) {
                Err(UndoError::Apply(ApplyError::SecretsNeeded(config))) => {
                    secrets = self.read_secrets(config, secrets).await?;
                }
                undone => return undone,
            }
        }
        Err(UndoError::Obstructed(
            "the configuration kept changing while its secrets were read".to_owned(),
        ))
    }
}
