//! The control socket: mode 0600 in a folder that only its owner can write, one engine at a time.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Router;
use tokio::net::{UnixListener, UnixStream};

use super::http::{Accept, Server};

/// How long an existing socket may take to accept before it counts as stale.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    #[error("another engine (process {pid}) already runs on {}; stop it, or give this one a --data-dir of its own", path.display())]
    InUse { path: PathBuf, pid: String },
    #[error("{} exists and is not a socket; move it away", path.display())]
    NotASocket { path: PathBuf },
    #[error("cannot open the control socket {}: {source}; {}", path.display(), fix_of(source))]
    Io { path: PathBuf, source: io::Error },
}

/// What to do about a socket that cannot be opened.
fn fix_of(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "let this user write to the folder, or name another one with --data-dir"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space on the disk",
        io::ErrorKind::InvalidInput => "name a folder with a shorter path with --data-dir",
        _ => "name a folder that can be written with --data-dir",
    }
}

/// A bound control socket. Its file is removed when this is dropped.
pub struct BoundSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Locked until this engine ends, so that of two that start at once only one succeeds.
    _lock: fs::File,
}

/// Binds the socket at `path`, replacing a stale one. Creates its folder with mode 0700 if it is missing.
///
/// # Errors
/// [`SocketError`]
pub async fn bind(path: &Path) -> Result<BoundSocket, SocketError> {
    let failed = |source| SocketError::Io {
        path: path.to_owned(),
        source,
    };
    let folder = path.parent().unwrap_or(Path::new("/"));
    create_folder(folder).map_err(failed)?;
    if let Some(pid) = serving_process(path).await {
        return Err(SocketError::InUse {
            path: path.to_owned(),
            pid,
        });
    }
    let lock = lock(path)?;
    match fs::symlink_metadata(path) {
        Ok(found) if !std::os::unix::fs::FileTypeExt::is_socket(&found.file_type()) => {
            return Err(SocketError::NotASocket {
                path: path.to_owned(),
            });
        }
        Ok(_) => fs::remove_file(path).map_err(failed)?,
        Err(_) => {}
    }
    let listener = bind_private(path).map_err(failed)?;
    Ok(BoundSocket {
        listener,
        path: path.to_owned(),
        _lock: lock,
    })
}

/// Creates `folder` (0700) and its parents; an existing folder stays as it is.
fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}

/// The process that accepts on the socket, if one does.
async fn serving_process(path: &Path) -> Option<String> {
    let stream = tokio::time::timeout(PROBE_TIMEOUT, UnixStream::connect(path))
        .await
        .ok()?
        .ok()?;
    let pid = stream.peer_cred().ok().and_then(|peer| peer.pid());
    Some(pid.map_or_else(|| "unknown".to_owned(), |pid| pid.to_string()))
}

/// Locks the file beside the socket, and writes our process id into it for the message of a second engine.
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
            return Err(SocketError::InUse {
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

/// Binds inside a private folder and moves the socket to its place, so that others can never connect.
fn bind_private(path: &Path) -> io::Result<UnixListener> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let private = folder.join(format!(".control-{}", std::process::id()));
    let _ = fs::remove_dir_all(&private);
    fs::DirBuilder::new().mode(0o700).create(&private)?;
    let inner = private.join("s");
    let bound = UnixListener::bind(&inner).and_then(|listener| {
        fs::set_permissions(&inner, fs::Permissions::from_mode(0o600))?;
        fs::rename(&inner, path)?;
        Ok(listener)
    });
    let _ = fs::remove_dir_all(&private);
    bound
}

impl BoundSocket {
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Serves `router` to everyone who may open the socket.
    pub fn serve(self, router: Router) -> Server {
        Server::start(self, router)
    }
}

impl Accept for BoundSocket {
    type Stream = UnixStream;
    type Extension = ();

    async fn accept(&self) -> io::Result<(UnixStream, ())> {
        let (stream, _) = self.listener.accept().await?;
        Ok((stream, ()))
    }
}

impl Drop for BoundSocket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_socket_is_for_its_owner_only_and_removed_with_the_engine() {
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
    async fn a_second_engine_learns_which_process_holds_the_socket() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("control.sock");
        let _first = bind(&path).await.unwrap();
        let Err(SocketError::InUse { pid, .. }) = bind(&path).await else {
            panic!("the second engine took the socket");
        };
        assert_eq!(pid, std::process::id().to_string());
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced_but_a_plain_file_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("control.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        drop(bind(&path).await.unwrap());
        fs::write(&path, "precious").unwrap();
        assert!(matches!(
            bind(&path).await,
            Err(SocketError::NotASocket { .. })
        ));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }
}
