//! The Unix socket: mode 0600 in a folder of its owner's, one engine at a time.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use super::serve::{ACCEPT_PAUSE, Door, MAX_CONNECTIONS, connection};

/// How long a socket that is already there may take to answer before it counts as stale.
const ANSWER: Duration = Duration::from_secs(1);

#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    #[error("another engine (process {pid}) already runs on {}; stop it, or give this one a --data-dir of its own", path.display())]
    Held { path: PathBuf, pid: String },
    #[error("{} is in the way and is no socket; move it away", path.display())]
    NoSocket { path: PathBuf },
    #[error("cannot open the control socket {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// A bound control socket; its file goes away with it.
pub struct Bound {
    listener: UnixListener,
    path: PathBuf,
    /// Held locked as long as this engine lives, so that two starting at once cannot both win.
    _lock: fs::File,
}

/// Binds the socket at `path`, replacing one that nobody answers. Its folder is made with mode 0700 where it is missing.
pub async fn bind(path: &Path) -> Result<Bound, SocketError> {
    let failed = |source| SocketError::Io {
        path: path.to_owned(),
        source,
    };
    let folder = path.parent().unwrap_or(Path::new("/"));
    make_folder(folder).map_err(failed)?;
    if let Some(pid) = answering(path).await {
        return Err(SocketError::Held {
            path: path.to_owned(),
            pid,
        });
    }
    let lock = lock(path)?;
    match fs::symlink_metadata(path) {
        Ok(found) if !std::os::unix::fs::FileTypeExt::is_socket(&found.file_type()) => {
            return Err(SocketError::NoSocket {
                path: path.to_owned(),
            });
        }
        Ok(_) => fs::remove_file(path).map_err(failed)?,
        Err(_) => {}
    }
    let listener = bind_narrow(path).map_err(failed)?;
    Ok(Bound {
        listener,
        path: path.to_owned(),
        _lock: lock,
    })
}

/// Makes `folder` (0700) and its parents; a folder that is there already stays as it is.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}

/// The process that answers on the socket, if one does.
async fn answering(path: &Path) -> Option<String> {
    let stream = tokio::time::timeout(ANSWER, UnixStream::connect(path))
        .await
        .ok()?
        .ok()?;
    let pid = stream.peer_cred().ok().and_then(|peer| peer.pid());
    Some(pid.map_or_else(|| "unknown".to_owned(), |pid| pid.to_string()))
}

/// Takes the lock file beside the socket, and writes our process number in it for whom it stops.
fn lock(path: &Path) -> Result<fs::File, SocketError> {
    let lock_path = path.with_extension("lock");
    let failed = |source| SocketError::Io {
        path: lock_path.clone(),
        source,
    };
    let mut options = fs::OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&lock_path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            let pid = fs::read_to_string(&lock_path).unwrap_or_default();
            return Err(SocketError::Held {
                path: path.to_owned(),
                pid: pid.trim().to_owned(),
            });
        }
        Err(fs::TryLockError::Error(source)) => return Err(failed(source)),
    }
    file.set_len(0).map_err(failed)?;
    io::Write::write_all(&mut &file, format!("{}\n", std::process::id()).as_bytes())
        .map_err(failed)?;
    Ok(file)
}

/// Binds inside a private folder and moves the socket to its place, so that at no moment others may connect.
fn bind_narrow(path: &Path) -> io::Result<UnixListener> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let nook = folder.join(format!(".control-{}", std::process::id()));
    let _ = fs::remove_dir_all(&nook);
    fs::DirBuilder::new().mode(0o700).create(&nook)?;
    let inner = nook.join("s");
    let bound = UnixListener::bind(&inner).and_then(|listener| {
        fs::set_permissions(&inner, fs::Permissions::from_mode(0o600))?;
        fs::rename(&inner, path)?;
        Ok(listener)
    });
    let _ = fs::remove_dir_all(&nook);
    bound
}

impl Bound {
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Serves `router` to whoever the socket's mode lets in.
    pub fn open(self, router: Router) -> Door {
        let door = Door::new();
        let (closing, tasks) = (door.closing.clone(), door.tasks.clone());
        door.tasks.spawn(async move {
            let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
            loop {
                let Ok(permit) = room.clone().acquire_owned().await else {
                    return;
                };
                let accepted = tokio::select! {
                    accepted = self.listener.accept() => accepted,
                    () = closing.cancelled() => return,
                };
                let Ok((stream, _)) = accepted else {
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                };
                let (router, closing) = (router.clone(), closing.clone());
                tasks.spawn(async move {
                    connection(stream, router, None::<()>, closing).await;
                    drop(permit);
                });
            }
        });
        door
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_socket_is_for_its_owner_only_and_gone_when_the_engine_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run/privet/control.sock");
        let bound = bind(&path).await.unwrap();
        let mode = |p: &Path| fs::metadata(p).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        drop(bound);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_second_engine_is_told_who_holds_the_socket() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("control.sock");
        let _first = bind(&path).await.unwrap();
        let Err(SocketError::Held { pid, .. }) = bind(&path).await else {
            panic!("the second engine took the socket");
        };
        assert_eq!(pid, std::process::id().to_string());
    }

    #[tokio::test]
    async fn a_socket_that_nobody_answers_is_replaced_but_a_plain_file_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("control.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        drop(bind(&path).await.unwrap());
        fs::write(&path, "precious").unwrap();
        assert!(matches!(
            bind(&path).await,
            Err(SocketError::NoSocket { .. })
        ));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }
}
