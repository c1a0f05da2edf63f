//! Watches files for changes: the configuration and lists. Watches the folders, since editors replace files; for a
//! symbolic link the target's folder too.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

/// Editors write in several steps: a change is reported after this time without events.
const QUIET: Duration = Duration::from_millis(150);

/// Watches until it is dropped.
pub(crate) struct FileWatch {
    _watcher: Option<notify::RecommendedWatcher>,
    _debounce: AbortOnDropHandle<()>,
}

/// Sends a message for each change of one of `files`, debounced. Also returns why a folder is not watched, if one is not.
pub(crate) fn watch(files: &[PathBuf]) -> (FileWatch, mpsc::Receiver<()>, Option<String>) {
    let (event_sender, events) = mpsc::channel(1);
    let (changed, changes) = mpsc::channel(1);
    let debounce = AbortOnDropHandle::new(tokio::spawn(debounce_events(events, changed)));
    let (watcher, error) = match start(files, event_sender) {
        Ok((watcher, error)) => (Some(watcher), error),
        Err(error) => (None, Some(error)),
    };
    let error = error.map(|error| error.to_string());
    (
        FileWatch {
            _watcher: watcher,
            _debounce: debounce,
        },
        changes,
        error,
    )
}

/// Also returns why a folder is not watched, if one is not.
fn start(
    files: &[PathBuf],
    event_sender: mpsc::Sender<()>,
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
            // A queued event already stands for this one.
            let _ = event_sender.try_send(());
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

async fn debounce_events(mut events: mpsc::Receiver<()>, changed: mpsc::Sender<()>) {
    while events.recv().await.is_some() {
        while let Ok(Some(())) = tokio::time::timeout(QUIET, events.recv()).await {}
        if changed.send(()).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_replaced_file_is_reported() {
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
    async fn a_file_behind_a_symbolic_link_is_reported() {
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
