//! Lists from files of the user's are read again when these change.

use std::path::PathBuf;

use tokio_util::task::AbortOnDropHandle;

use crate::supervise::command::Command;
use crate::supervise::configuration::watch::{Watch, watch};
use crate::supervise::supervisor::Supervisor;

/// The files that are watched now.
#[derive(Default)]
pub(crate) struct ListFiles {
    files: Vec<PathBuf>,
    _watch: Option<(Watch, AbortOnDropHandle<()>)>,
}

impl Supervisor {
    /// Watches the files of the lists that are on.
    pub(crate) fn watch_list_files(&mut self) {
        let files = self.lists.files();
        if files == self.list_files.files {
            return;
        }
        if files.is_empty() {
            self.list_files = ListFiles::default();
            return;
        }
        let (watching, mut changes, error) = watch(&files);
        if let Some(error) = error {
            tracing::debug!("the folders of some lists are not watched: {error}");
        }
        let commands = self.commands.clone();
        let passing_on = tokio::spawn(async move {
            while changes.recv().await.is_some() {
                if commands.send(Command::ListFiles).await.is_err() {
                    return;
                }
            }
        });
        self.list_files = ListFiles {
            files,
            _watch: Some((watching, AbortOnDropHandle::new(passing_on))),
        };
    }

    pub(crate) async fn list_files_changed(&mut self) {
        self.on_lists(|lists| lists.reread(None)).await;
        self.say_list_errors();
        self.swap_lists().await;
    }
}
