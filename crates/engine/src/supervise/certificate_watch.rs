//! Watches the files of certificates.

use std::path::PathBuf;
use std::time::Instant;

use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::supervise::command::Command;
use crate::supervise::configuration::watch::{FileWatch, watch};

/// The watched certificate files. Dropping it ends the watch.
#[derive(Default)]
pub(crate) struct CertificateWatch {
    pub(super) files: Vec<PathBuf>,
    pub(super) checked: Option<Instant>,
    _watch: Option<(FileWatch, AbortOnDropHandle<()>)>,
}

impl CertificateWatch {
    pub(super) fn start(files: Vec<PathBuf>, commands: mpsc::Sender<Command>) -> Self {
        let (watch, mut changes, error) = watch(&files);
        if let Some(error) = error {
            tracing::debug!("the folders of certificates are not watched: {error}");
        }
        let forward = tokio::spawn(async move {
            while changes.recv().await.is_some() {
                if commands.send(Command::CertificatesChanged).await.is_err() {
                    return;
                }
            }
        });
        Self {
            files,
            checked: Some(Instant::now()),
            _watch: Some((watch, AbortOnDropHandle::new(forward))),
        }
    }
}
