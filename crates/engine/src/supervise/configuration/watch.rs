//! Watches files for changes: the configuration and lists. Watches the folders, since editors replace files; also those of
//! symbolic links on the way to a file, and of what they lead to.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use notify::{RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

/// Editors write in several steps: a change is reported after this time without events.
const QUIET: Duration = Duration::from_millis(150);
/// Symbolic links that are followed on the way to a file.
const MAX_LINKS: usize = 32;

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
    /// As they are named.
    files: Vec<PathBuf>,
    /// The files, and the links on the way to them, as of the last event.
    names: Arc<ArcSwap<BTreeSet<PathBuf>>>,
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
        let absolute = |file: &PathBuf| std::path::absolute(file).unwrap_or_else(|_| file.clone());
        let files: Vec<PathBuf> = files.iter().map(absolute).collect();
        let names = Arc::new(ArcSwap::from_pointee(names_of(&files)));
        let has_changed = Arc::<AtomicBool>::default();
        let (known, changed) = (names.clone(), has_changed.clone());
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            if matches!(event.kind, notify::EventKind::Access(_)) {
                return;
            }
            let names = known.load();
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
            names,
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
            let names = names_of(&self.files);
            let now: BTreeSet<PathBuf> = names.iter().filter_map(|file| nearest(file)).collect();
            self.names.store(Arc::new(names));
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

/// Each file, the symbolic links on the way to it, and what they lead to.
fn names_of(files: &[PathBuf]) -> BTreeSet<PathBuf> {
    let mut all = BTreeSet::new();
    for file in files {
        all.insert(file.clone());
        let mut path = file.clone();
        for _ in 0..MAX_LINKS {
            let Some((link, next)) = follow_link(&path) else {
                break;
            };
            all.insert(link);
            all.insert(next.clone());
            path = next;
        }
    }
    all
}

/// The first symbolic link of the path, and where the path leads through it.
fn follow_link(path: &Path) -> Option<(PathBuf, PathBuf)> {
    let above: Vec<&Path> = path.ancestors().collect();
    let link = above.into_iter().rev().find(|part| part.is_symlink())?;
    let target = link.parent()?.join(std::fs::read_link(link).ok()?);
    let rest = path.strip_prefix(link).ok()?;
    let next = match rest.as_os_str().is_empty() {
        true => target,
        false => target.join(rest),
    };
    Some((link.to_owned(), next))
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

    #[cfg(unix)]
    #[tokio::test]
    async fn links_that_are_made_and_moved_later_are_followed() {
        use std::os::unix::fs::symlink;

        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("privet.toml"), "a").unwrap();
        let (_watch, mut changes, _) = watch(&[at("privet.toml")]);
        for version in ["v1", "v2"] {
            std::fs::create_dir_all(at(version)).unwrap();
            std::fs::write(at(version).join("mine"), "b").unwrap();
            symlink(at(version).join("mine"), at("new")).unwrap();
            std::fs::rename(at("new"), at("privet.toml")).unwrap();
            change(&mut changes).await;
            std::fs::write(at(version).join("mine"), "c").unwrap();
            change(&mut changes).await;
        }
        // A folder that is a link, as Kubernetes mounts settings.
        symlink("v1", at("..data")).unwrap();
        symlink("..data/mine", at("new")).unwrap();
        std::fs::rename(at("new"), at("privet.toml")).unwrap();
        change(&mut changes).await;
        symlink("v2", at("new")).unwrap();
        std::fs::rename(at("new"), at("..data")).unwrap();
        change(&mut changes).await;
    }
}
