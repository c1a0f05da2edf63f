//! One window per user and data folder: a second start forwards its link to the first, which comes to the front.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

const SOCKET: &str = "window.sock";
const LOCK: &str = "window.lock";
const ACK: &str = "shown\n";
/// Longest request, in bytes: a link and an activation token.
const MAX_REQUEST: u64 = 8 * 1024;
/// Timeout of the exchange between the two starts.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Retry interval: a window that was just started may not listen yet.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// What a second start forwards to the first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchRequest {
    pub link: Option<String>,
    /// Token that lets a window come to the front (XDG activation; startup notification on X11).
    pub activation_token: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("a window of Privet is open and does not answer ({}); close or end it", path.display())]
    Unresponsive { path: PathBuf },
}

/// Result of [`acquire`].
pub enum Instance {
    /// This start opens the window and receives later starts.
    Primary(PrimaryInstance),
    /// The request was forwarded to the open window.
    Forwarded,
}

/// The lock and socket of the primary instance; released on drop.
pub struct PrimaryInstance {
    listener: UnixListener,
    path: PathBuf,
    _lock: fs::File,
}

/// Becomes the primary instance of `folder`, or forwards `request` to it.
///
/// # Errors
/// [`InstanceError`]
pub fn acquire(folder: &Path, request: &LaunchRequest) -> Result<Instance, InstanceError> {
    let path = folder.join(SOCKET);
    let failed = |source| InstanceError::Io {
        path: path.clone(),
        source,
    };
    let mut maker = fs::DirBuilder::new();
    maker.recursive(true).mode(0o700);
    maker.create(folder).map_err(failed)?;
    let mut options = fs::OpenOptions::new();
    options.create(true).truncate(false).write(true).mode(0o600);
    let lock = options.open(folder.join(LOCK)).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            return forward(&path, request).map(|()| Instance::Forwarded);
        }
        Err(fs::TryLockError::Error(source)) => return Err(failed(source)),
    }
    // A stale socket: its owner would hold the lock.
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let listener = UnixListener::bind(&path).map_err(failed)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(Instance::Primary(PrimaryInstance {
        listener,
        path,
        _lock: lock,
    }))
}

impl PrimaryInstance {
    /// Calls `show` for each request, on its own thread, until the process exits.
    ///
    /// # Errors
    /// The thread could not be created.
    pub fn listen(self, show: impl Fn(LaunchRequest) + Send + 'static) -> io::Result<()> {
        let thread = std::thread::Builder::new().name("second starts".to_owned());
        thread.spawn(move || {
            for stream in self.listener.incoming().flatten() {
                // Invalid requests are ignored.
                if let Ok(request) = read_request(&stream) {
                    show(request);
                    let _ = (&stream).write_all(ACK.as_bytes());
                }
            }
        })?;
        Ok(())
    }
}

impl Drop for PrimaryInstance {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn read_request(stream: &UnixStream) -> io::Result<LaunchRequest> {
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let mut line = String::new();
    BufReader::new(stream.take(MAX_REQUEST)).read_line(&mut line)?;
    serde_json::from_str(&line).map_err(io::Error::other)
}

fn forward(path: &Path, request: &LaunchRequest) -> Result<(), InstanceError> {
    let begun = Instant::now();
    while begun.elapsed() < TIMEOUT {
        if let Ok(stream) = UnixStream::connect(path)
            && send(&stream, request).is_ok_and(|shown| shown)
        {
            return Ok(());
        }
        wait();
    }
    Err(InstanceError::Unresponsive {
        path: path.to_owned(),
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "this start has no runtime, and the other gives no event when it begins to listen"
)]
fn wait() {
    std::thread::sleep(POLL_INTERVAL);
}

fn send(mut stream: &UnixStream, request: &LaunchRequest) -> io::Result<bool> {
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let line = serde_json::to_string(request).map_err(io::Error::other)?;
    stream.write_all(format!("{line}\n").as_bytes())?;
    let mut answer = String::new();
    stream.take(MAX_REQUEST).read_to_string(&mut answer)?;
    Ok(answer == ACK)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn request(link: &str) -> LaunchRequest {
        LaunchRequest {
            link: Some(link.to_owned()),
            activation_token: None,
        }
    }

    #[test]
    fn a_second_start_is_forwarded_and_a_stale_socket_is_replaced() {
        let dir = crate::test_dir::TestDir::new();
        let folder = dir.path().join("run/privet");
        fs::create_dir_all(&folder).unwrap();
        drop(UnixListener::bind(folder.join(SOCKET)).unwrap());
        let Instance::Primary(first) = acquire(&folder, &LaunchRequest::default()).unwrap() else {
            panic!("nobody was there");
        };
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder.join(SOCKET)), 0o600);
        let (sender, received) = mpsc::channel();
        first
            .listen(move |request| sender.send(request).unwrap())
            .unwrap();
        // Invalid requests are ignored.
        (&UnixStream::connect(folder.join(SOCKET)).unwrap())
            .write_all(b"nonsense\n")
            .unwrap();
        let link = request("privet:page/rules");
        assert!(matches!(
            acquire(&folder, &link).unwrap(),
            Instance::Forwarded
        ));
        assert_eq!(received.recv().unwrap(), link);
    }
}
