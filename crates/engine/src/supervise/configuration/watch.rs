//! Watches files for changes: the configuration and lists. Watches the folders, since editors replace files; for a
//! symbolic link the target's folder too.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use notify::{RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

/// Editors write in several steps: a change is reported after this time without events.
const QUIET: Duration = Duration::from_millis(150);

/// Watches until it is dropped.
pub(crate) struct FileWatch {
    _debounce: AbortOnDropHandle<()>,
}

/// Sends a message for each change of one of `files`, debounced. A file's folder need not exist yet. Also returns why a folder
/// is not watched, if one is not.
pub(crate) fn watch(files: &[PathBuf]) -> (FileWatch, mpsc::Receiver<()>, Option<String>) {
    let (event_sender, events) = mpsc::channel(1);
    let (changed, changes) = mpsc::channel(1);
    let (folders, error) = match Folders::start(files, event_sender) {
        Ok((folders, error)) => (Some(folders), error),
        Err(error) => (None, Some(error)),
    };
    let debounce = tokio::spawn(debounce_events(folders, events, changed));
    let watch = FileWatch {
        _debounce: AbortOnDropHandle::new(debounce),
    };
    (watch, changes, error.map(|error| error.to_string()))
}

/// The folders of some files. Where one does not exist, the nearest one above it is watched in its place.
struct Folders {
    files: Arc<BTreeSet<PathBuf>>,
    watcher: notify::RecommendedWatcher,
    watched: BTreeSet<PathBuf>,
    /// There was an event of one of the files, not of a folder above it.
    has_changed: Arc<AtomicBool>,
}

impl Folders {
    /// Also returns why a folder is not watched, if one is not.
    fn start(
        files: &[PathBuf],
        event_sender: mpsc::Sender<()>,
    ) -> notify::Result<(Self, Option<notify::Error>)> {
        let mut all = BTreeSet::new();
        for file in files {
            let file: PathBuf = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
            all.insert(file.canonicalize().unwrap_or_else(|_| file.clone()));
            all.insert(file);
        }
        let (files, has_changed) = (Arc::new(all), Arc::<AtomicBool>::default());
        let (names, changed) = (files.clone(), has_changed.clone());
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            if matches!(event.kind, notify::EventKind::Access(_)) {
                return;
            }
            let of_paths = |is: fn(&Path, &Path) -> bool| {
                let paths = event.paths.iter();
                paths
                    .into_iter()
                    .any(|path| names.iter().any(|file| is(path, file)))
            };
            let of_file = of_paths(|path, file| path.file_name() == file.file_name());
            if of_file {
                changed.store(true, Ordering::Release);
            }
            if of_file || of_paths(|path, file| file.starts_with(path)) {
                // A queued event already stands for this one.
                let _ = event_sender.try_send(());
            }
        })?;
        let mut folders = Self {
            files,
            watcher,
            watched: BTreeSet::new(),
            has_changed,
        };
        let error = folders.follow().err();
        Ok((folders, error))
    }

    /// Watches the folders that there are now. Returns whether they are others than before.
    fn follow(&mut self) -> notify::Result<bool> {
        let before = std::mem::take(&mut self.watched);
        let mut failed = None;
        loop {
            let now: BTreeSet<PathBuf> =
                self.files.iter().filter_map(|file| nearest(file)).collect();
            for folder in &now {
                // Anew each time: a folder may be another one of the same name.
                if let Err(error) = self.watcher.watch(folder, RecursiveMode::NonRecursive) {
                    failed = Some(error);
                }
            }
            // A folder may have been made before its place was watched.
            if std::mem::replace(&mut self.watched, now.clone()) == now {
                break;
            }
        }
        for gone in before.difference(&self.watched) {
            let _ = self.watcher.unwatch(gone);
        }
        match failed {
            Some(error) => Err(error),
            None => Ok(before != self.watched),
        }
    }

    /// After events: whether one of the files may have changed.
    fn may_have_changed(&mut self) -> bool {
        let moved = self.follow().unwrap_or(true);
        let changed = self.has_changed.swap(false, Ordering::AcqRel);
        changed || moved && self.files.iter().any(|file| file.exists())
    }
}

/// The nearest folder above a file that exists.
fn nearest(file: &Path) -> Option<PathBuf> {
    let mut above = file.ancestors().skip(1);
    above.find(|folder| folder.is_dir()).map(Path::to_owned)
}

async fn debounce_events(
    mut folders: Option<Folders>,
    mut events: mpsc::Receiver<()>,
    changed: mpsc::Sender<()>,
) {
    while events.recv().await.is_some() {
        while let Ok(Some(())) = tokio::time::timeout(QUIET, events.recv()).await {}
        let is_change = folders.as_mut().is_none_or(Folders::may_have_changed);
        if is_change && changed.send(()).await.is_err() {
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

    /// Waits for a change, then until there are no more.
    async fn change(changes: &mut mpsc::Receiver<()>) {
        let first = tokio::time::timeout(Duration::from_secs(10), changes.recv());
        first.await.unwrap().unwrap();
        while tokio::time::timeout(QUIET * 3, changes.recv())
            .await
            .is_ok()
        {}
    }

    #[tokio::test]
    async fn a_file_is_reported_whose_folder_is_made_later_or_made_again() {
        let top = tempfile::tempdir().unwrap();
        let folder = top.path().join("config/privet");
        let file = folder.join("privet.toml");
        let (_watch, mut changes, error) = watch(std::slice::from_ref(&file));
        assert_eq!(error, None);
        for _ in 0..2 {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&file, "a").unwrap();
            change(&mut changes).await;
            std::fs::write(&file, "b").unwrap();
            change(&mut changes).await;
            std::fs::remove_dir_all(top.path().join("config")).unwrap();
            change(&mut changes).await;
        }
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
