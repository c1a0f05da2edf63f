//! Tells when the configuration, or a list in a file, was written. The folder is watched, since editors replace files;
//! where the file is a link, the folder of what it leads to as well.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

/// Editors write a file in several steps; they are taken as one change once it has been quiet for so long.
const QUIET: Duration = Duration::from_millis(150);

/// Watches while it is held.
pub(crate) struct Watch {
    _watcher: Option<notify::RecommendedWatcher>,
    _settle: AbortOnDropHandle<()>,
}

/// Sends one message a change of one of `files` (debounced). Where a folder cannot be watched, nothing is ever sent of it
/// and the reason is returned beside.
pub(crate) fn watch(files: &[PathBuf]) -> (Watch, mpsc::Receiver<()>, Option<String>) {
    let (noticed, notices) = mpsc::channel(1);
    let (changed, changes) = mpsc::channel(1);
    let settle = AbortOnDropHandle::new(tokio::spawn(settle(notices, changed)));
    let (watcher, error) = match start(files, noticed) {
        Ok((watcher, error)) => (Some(watcher), error),
        Err(error) => (None, Some(error)),
    };
    let error = error.map(|error| error.to_string());
    (
        Watch {
            _watcher: watcher,
            _settle: settle,
        },
        changes,
        error,
    )
}

/// With the reason, where a folder of several cannot be watched.
fn start(
    files: &[PathBuf],
    noticed: mpsc::Sender<()>,
) -> notify::Result<(notify::RecommendedWatcher, Option<notify::Error>)> {
    let mut all = BTreeSet::new();
    for file in files {
        let file: PathBuf = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
        all.insert(file.canonicalize().unwrap_or_else(|_| file.clone()));
        all.insert(file);
    }
    let files = all;
    let folders: BTreeSet<PathBuf> = files
        .iter()
        .map(|file| file.parent().unwrap_or(Path::new(".")).to_owned())
        .collect();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let Ok(event) = event else { return };
        let reading = matches!(event.kind, notify::EventKind::Access(_));
        if !reading
            && event.paths.iter().any(|path| {
                files
                    .iter()
                    .any(|file| path.file_name() == file.file_name())
            })
        {
            // A notice that waits already says the same.
            let _ = noticed.try_send(());
        }
    })?;
    let mut failed = None;
    for folder in folders {
        if let Err(error) = watcher.watch(&folder, RecursiveMode::NonRecursive) {
            failed = Some(error);
        }
    }
    Ok((watcher, failed))
}

async fn settle(mut notices: mpsc::Receiver<()>, changed: mpsc::Sender<()>) {
    while notices.recv().await.is_some() {
        while let Ok(Some(())) = tokio::time::timeout(QUIET, notices.recv()).await {}
        if changed.send(()).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_that_is_replaced_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("privet.toml");
        std::fs::write(&file, "a").unwrap();
        let (_watch, mut changes, error) = watch(std::slice::from_ref(&file));
        assert_eq!(error, None);
        let fresh = folder.path().join("new");
        std::fs::write(&fresh, "b").unwrap();
        std::fs::rename(&fresh, &file).unwrap();
        tokio::time::timeout(Duration::from_secs(10), changes.recv())
            .await
            .unwrap()
            .unwrap();
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_file_that_a_link_leads_to_is_noticed() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (link, file) = (
            folder.path().join("privet.toml"),
            elsewhere.path().join("mine"),
        );
        std::fs::write(&file, "a").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let (_watch, mut changes, error) = watch(std::slice::from_ref(&link));
        assert_eq!(error, None);
        std::fs::write(&file, "b").unwrap();
        tokio::time::timeout(Duration::from_secs(10), changes.recv())
            .await
            .unwrap()
            .unwrap();
    }
}
