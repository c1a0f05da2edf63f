//! Watches files that are read besides the configuration: of lists, of scan rules, of secrets.

use std::path::PathBuf;

use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::supervise::command::Command;
use crate::supervise::configuration::watch::{FileWatch, watch};

/// The watched files. Dropping it ends the watch.
#[derive(Default)]
pub(crate) struct WatchedFiles {
    files: Vec<PathBuf>,
    _watch: Option<(FileWatch, AbortOnDropHandle<()>)>,
}

impl WatchedFiles {
    /// Sends `changed` whenever one of `files` changes.
    pub(crate) fn start(
        files: Vec<PathBuf>,
        commands: mpsc::Sender<Command>,
        changed: fn() -> Command,
    ) -> Self {
        if files.is_empty() {
            return Self::default();
        }
        let (watch, mut changes, error) = watch(&files);
        if let Some(error) = error {
            tracing::debug!("some folders are not watched: {error}");
        }
        let forward = tokio::spawn(async move {
            while changes.recv().await.is_some() {
                if commands.send(changed()).await.is_err() {
                    return;
                }
            }
        });
        Self {
            files,
            _watch: Some((watch, AbortOnDropHandle::new(forward))),
        }
    }

    pub(crate) fn files(&self) -> &[PathBuf] {
        &self.files
    }
}
