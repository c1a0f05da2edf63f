//! What every store of a desktop's proxy can do, and how its commands are run.

use std::io::Read;
use std::process::{ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::desktop::DesktopKind;
use super::settings::{Change, ProxySettings};

/// A desktop's command that has not ended by then is ended.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// A desktop's proxy settings: read whole, written key by key. All of it blocks.
pub trait ProxyStore: Send {
    /// What its keys mean.
    fn desktop(&self) -> DesktopKind;

    /// Every value it keeps, exactly.
    ///
    /// # Errors
    /// The desktop does not answer.
    fn read(&self) -> Result<ProxySettings, StoreError>;

    /// Writes in the order given; those before a failure are written. Whether a value was kept is told by reading.
    ///
    /// # Errors
    /// The desktop refuses, or does not answer.
    fn write(&self, changes: &[Change], parent_pipe: &ParentPipe) -> Result<(), StoreError>;

    /// Changes whenever the settings may have changed, at the cost of one `stat`; `None` where nothing tells.
    fn file_version(&self) -> Option<FileVersion> {
        None
    }
}

/// What a command that writes has in its hands: the guardian's pipe. A command that outlives us keeps it open, so that the
/// guardian does not look before the last write is done.
#[derive(Debug, Default)]
pub struct ParentPipe(Option<PipeHandle>);

#[cfg(unix)]
type PipeHandle = std::os::fd::OwnedFd;
#[cfg(windows)]
type PipeHandle = std::os::windows::io::OwnedHandle;

impl ParentPipe {
    pub fn of(pipe: &ChildStdin) -> Self {
        #[cfg(unix)]
        let held = std::os::fd::AsFd::as_fd(pipe).try_clone_to_owned();
        #[cfg(windows)]
        let held = std::os::windows::io::AsHandle::as_handle(pipe).try_clone_to_owned();
        Self(held.ok())
    }

    /// A command's input, which it does not read.
    fn input(&self) -> Stdio {
        let held = self.0.as_ref().and_then(|held| held.try_clone().ok());
        held.map_or_else(Stdio::null, Stdio::from)
    }
}

/// The state of the file in which a desktop keeps its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileVersion {
    modified: std::time::SystemTime,
    length: u64,
    inode: u64,
}

impl FileVersion {
    /// `None` where there is no such file.
    pub fn of(path: &std::path::Path) -> Option<Self> {
        let found = std::fs::metadata(path).ok()?;
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(&found);
        #[cfg(not(unix))]
        let inode = 0;
        Some(Self {
            modified: found.modified().ok()?,
            length: found.len(),
            inode,
        })
    }
}

/// A desktop's settings cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error("{program} cannot be run: {cause}")]
    NotRun { program: String, cause: String },
    #[error("{program} failed: {cause}")]
    Failed { program: String, cause: String },
    #[error("{program} did not end in {} s", PATIENCE.as_secs())]
    Hung { program: String },
    #[error("{file}: {cause}")]
    File { file: String, cause: String },
    #[error("{0} is locked by the administrator")]
    Locked(String),
}

/// Runs a desktop's command to its end; what it printed.
pub(super) fn run(program: &str, words: &[&str]) -> Result<String, StoreError> {
    run_on(&ParentPipe::default(), program, words)
}

/// As [`run`], for a command that writes.
#[expect(
    clippy::disallowed_methods,
    reason = "the standard library waits for a child with no deadline only, and no runtime's thread comes here"
)]
pub(super) fn run_on(
    parent_pipe: &ParentPipe,
    program: &str,
    words: &[&str],
) -> Result<String, StoreError> {
    let mut child = Command::new(program)
        .args(words)
        .stdin(parent_pipe.input())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| StoreError::NotRun {
            program: program.to_owned(),
            cause: error.to_string(),
        })?;
    // Read beside the wait: neither pipe can fill up and hold the command.
    let out = drain(child.stdout.take());
    let err = drain(child.stderr.take());
    let start = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if start.elapsed() < PATIENCE => thread::sleep(LOOK_AGAIN),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(StoreError::Hung {
                    program: program.to_owned(),
                });
            }
        }
    };
    let (out, err) = (
        out.join().unwrap_or_default(),
        err.join().unwrap_or_default(),
    );
    if status.success() {
        return Ok(out);
    }
    let cause = err
        .lines()
        .chain(out.lines())
        .find(|line| !line.trim().is_empty());
    Err(StoreError::Failed {
        program: program.to_owned(),
        cause: cause.map_or_else(|| status.to_string(), |line| line.trim().to_owned()),
    })
}

/// The most that a desktop's command may print, in bytes.
const MOST_OUTPUT: u64 = 1024 * 1024;

fn drain(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = pipe {
            let _ = pipe.take(MOST_OUTPUT).read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
