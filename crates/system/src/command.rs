//! Runs commands of the desktop with a time limit.

use std::io::Read;
use std::process::{ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A command that runs longer is killed.
const TIMEOUT: Duration = Duration::from_secs(5);
/// As above, for one that works through all certificates of the system: killed on its way it leaves half of them.
const LONG_TIMEOUT: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(2);
/// Maximum of output that is read, in bytes.
const MAX_OUTPUT: u64 = 1024 * 1024;

/// A command failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    #[error("{program} cannot be run: {cause}")]
    NotRun { program: String, cause: String },
    #[error("{program} failed: {cause}")]
    Failed { program: String, cause: String },
    #[error("{program} did not end in {} s", limit.as_secs())]
    TimedOut { program: String, limit: Duration },
}

/// The guardian's pipe, inherited by commands that write settings. A command that outlives this process keeps it open, so
/// that the guardian waits for the last write before it restores the settings.
#[derive(Debug, Default)]
pub struct ParentPipe(Option<PipeHandle>);

#[cfg(unix)]
type PipeHandle = std::os::fd::OwnedFd;
#[cfg(windows)]
type PipeHandle = std::os::windows::io::OwnedHandle;

impl ParentPipe {
    pub fn of(pipe: &ChildStdin) -> Self {
        #[cfg(unix)]
        let handle = std::os::fd::AsFd::as_fd(pipe).try_clone_to_owned();
        #[cfg(windows)]
        let handle = std::os::windows::io::AsHandle::as_handle(pipe).try_clone_to_owned();
        Self(handle.ok())
    }

    /// A command's standard input, which it does not read.
    fn input(&self) -> Stdio {
        let handle = self.0.as_ref().and_then(|handle| handle.try_clone().ok());
        handle.map_or_else(Stdio::null, Stdio::from)
    }
}

/// Runs a command to its end. Returns its standard output.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Result<String, CommandError> {
    run_with_pipe(&ParentPipe::default(), program, arguments)
}

/// As [`run`], for a command that takes long.
pub(crate) fn run_long(program: &str, arguments: &[&str]) -> Result<String, CommandError> {
    run_for(LONG_TIMEOUT, &ParentPipe::default(), program, arguments)
}

/// As [`run`], for a command that writes settings.
pub(crate) fn run_with_pipe(
    parent_pipe: &ParentPipe,
    program: &str,
    arguments: &[&str],
) -> Result<String, CommandError> {
    run_for(TIMEOUT, parent_pipe, program, arguments)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the standard library cannot wait for a child with a time limit, and no runtime's thread runs this"
)]
fn run_for(
    limit: Duration,
    parent_pipe: &ParentPipe,
    program: &str,
    arguments: &[&str],
) -> Result<String, CommandError> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(parent_pipe.input())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| CommandError::NotRun {
            program: program.to_owned(),
            cause: error.to_string(),
        })?;
    // Both pipes are read while it runs, so that neither fills up and blocks the command.
    let out = read_all(child.stdout.take());
    let err = read_all(child.stderr.take());
    let start = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if start.elapsed() < limit => thread::sleep(POLL_INTERVAL),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(CommandError::TimedOut {
                    program: program.to_owned(),
                    limit,
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
    Err(CommandError::Failed {
        program: program.to_owned(),
        cause: cause.map_or_else(|| status.to_string(), |line| line.trim().to_owned()),
    })
}

fn read_all(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = pipe {
            let _ = pipe.take(MAX_OUTPUT).read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
