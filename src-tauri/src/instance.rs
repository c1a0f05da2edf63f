//! One window for each user: a second start hands its link to the first, which shows itself.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

const SOCKET: &str = "window.sock";
const LOCK: &str = "window.lock";
const SHOWN: &str = "shown\n";
/// Longest message, in bytes: a link and an activation token.
const MAX_MESSAGE: u64 = 8 * 1024;
/// How long the other side may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// A window that has just been started may not listen yet.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What a second start tells the first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub link: Option<String>,
    /// With it the desktop lets a window come to the front (XDG activation; startup notification on X11).
    pub activation: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("a window of Privet is open and does not answer ({}); close or end it", path.display())]
    Mute { path: PathBuf },
}

/// What became of this start.
pub enum Claim {
    /// This is the window; whoever starts another speaks to it here.
    First(First),
    /// The other one shows itself.
    HandedOver,
}

/// The one window's place; it is free again when this is gone.
pub struct First {
    listener: UnixListener,
    path: PathBuf,
    _lock: fs::File,
}

/// Becomes the one window of `folder`, or tells the one that is.
///
/// # Errors
/// [`InstanceError`]
pub fn claim(folder: &Path, message: &Message) -> Result<Claim, InstanceError> {
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
            return hand_over(&path, message).map(|()| Claim::HandedOver);
        }
        Err(fs::TryLockError::Error(source)) => return Err(failed(source)),
    }
    // Whoever left it there is gone: the lock was free.
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let listener = UnixListener::bind(&path).map_err(failed)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(Claim::First(First {
        listener,
        path,
        _lock: lock,
    }))
}

impl First {
    /// Hands each message to `show`, on a thread of its own, as long as this program runs.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn listen(self, show: impl Fn(Message) + Send + 'static) -> io::Result<()> {
        let thread = std::thread::Builder::new().name("second starts".to_owned());
        thread.spawn(move || {
            for stream in self.listener.incoming().flatten() {
                // One that says nothing sensible is a start that failed: it changes nothing here.
                if let Ok(message) = hear(&stream) {
                    show(message);
                    let _ = (&stream).write_all(SHOWN.as_bytes());
                }
            }
        })?;
        Ok(())
    }
}

impl Drop for First {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn hear(stream: &UnixStream) -> io::Result<Message> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new(stream.take(MAX_MESSAGE)).read_line(&mut line)?;
    serde_json::from_str(&line).map_err(io::Error::other)
}

fn hand_over(path: &Path, message: &Message) -> Result<(), InstanceError> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Ok(stream) = UnixStream::connect(path)
            && tell(&stream, message).is_ok_and(|shown| shown)
        {
            return Ok(());
        }
        wait();
    }
    Err(InstanceError::Mute {
        path: path.to_owned(),
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "this start has no runtime, and the other gives no event when it begins to listen"
)]
fn wait() {
    std::thread::sleep(LOOK_AGAIN);
}

fn tell(mut stream: &UnixStream, message: &Message) -> io::Result<bool> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let line = serde_json::to_string(message).map_err(io::Error::other)?;
    stream.write_all(format!("{line}\n").as_bytes())?;
    let mut answer = String::new();
    stream.take(MAX_MESSAGE).read_to_string(&mut answer)?;
    Ok(answer == SHOWN)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn message(link: &str) -> Message {
        Message {
            link: Some(link.to_owned()),
            activation: None,
        }
    }

    #[test]
    fn a_second_start_is_told_to_the_first_and_a_dead_ones_socket_is_replaced() {
        let dir = crate::scratch::Scratch::new();
        let folder = dir.path().join("run/privet");
        fs::create_dir_all(&folder).unwrap();
        drop(UnixListener::bind(folder.join(SOCKET)).unwrap());
        let Claim::First(first) = claim(&folder, &Message::default()).unwrap() else {
            panic!("nobody was there");
        };
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder.join(SOCKET)), 0o600);
        let (sender, heard) = mpsc::channel();
        first
            .listen(move |message| sender.send(message).unwrap())
            .unwrap();
        // What is no message is passed over.
        (&UnixStream::connect(folder.join(SOCKET)).unwrap())
            .write_all(b"nonsense\n")
            .unwrap();
        let link = message("privet:page/rules");
        assert!(matches!(claim(&folder, &link).unwrap(), Claim::HandedOver));
        assert_eq!(heard.recv().unwrap(), link);
    }
}
