//! The guardian: a second process of the same program with a pipe from the first. When the pipe closes, however the first
//! process ended, it restores the settings from the journal and ends. It has no runtime and opens nothing else.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::journal::JournalFile;
use super::restore::{self, ProxyError};
use super::{detect, restore_at_login};
use crate::command::ParentPipe;

/// The first argument of a guardian; the journal's folder follows.
pub const ARGUMENT: &str = "--guardian";
/// Timeout of restoring.
pub const RESTORE_TIMEOUT: Duration = Duration::from_secs(2);
const RETRY_DELAY: Duration = Duration::from_millis(100);
/// Timeout for the guardian's exit.
const EXIT_TIMEOUT: Duration = Duration::from_secs(1);

/// A guardian that watches this process.
#[derive(Debug)]
pub struct Guardian {
    child: Child,
    /// Closed when this process ends: no other process has it open.
    pipe: Option<ChildStdin>,
}

impl Guardian {
    /// Starts a guardian from this program.
    ///
    /// # Errors
    /// The process cannot be created.
    pub fn start(journal: &JournalFile) -> io::Result<Self> {
        let mut command = Command::new(own_program()?);
        command
            .arg(ARGUMENT)
            .arg(journal.folder())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        // Ctrl-C in a terminal ends the first process only.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        #[cfg(windows)]
        command.current_dir(journal.folder());
        let mut child = command.spawn()?;
        let pipe = child.stdin.take();
        Ok(Self { child, pipe })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The pipe, for commands that write settings.
    pub fn parent_pipe(&self) -> ParentPipe {
        self.pipe.as_ref().map(ParentPipe::of).unwrap_or_default()
    }

    /// Whether it is running.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Guardian {
    #[expect(
        clippy::disallowed_methods,
        reason = "the standard library waits for a child with no deadline only"
    )]
    fn drop(&mut self) {
        self.pipe = None;
        let start = Instant::now();
        while self.is_alive() && start.elapsed() < EXIT_TIMEOUT {
            thread::sleep(Duration::from_millis(2));
        }
        // The next start restores what is left.
        if self.is_alive() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// On Linux the running program, even if an update has replaced its file.
fn own_program() -> io::Result<PathBuf> {
    let running = Path::new("/proc/self/exe");
    if cfg!(target_os = "linux") && running.exists() {
        return Ok(running.to_owned());
    }
    std::env::current_exe()
}

/// Runs the guardian and returns its exit code. Also started at login, after a power loss: without input to wait for, it
/// restores settings that no process holds.
#[expect(clippy::disallowed_methods, reason = "it has no runtime")]
pub fn run(folder: &Path) -> u8 {
    outlive_signals();
    crate::memory::unmap_program();
    let mut rest = [0; 64];
    let mut pipe = io::stdin().lock();
    loop {
        match pipe.read(&mut rest) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    let start = Instant::now();
    loop {
        match restore_settings(&JournalFile::at(folder), start) {
            Ok(()) => return 0,
            Err(error) if start.elapsed() + RETRY_DELAY > RESTORE_TIMEOUT => {
                let line = format!(
                    "privet: the system proxy could not be restored: {error}; the next start of Privet tries again\n"
                );
                let _ = io::Write::write_all(&mut io::stderr(), line.as_bytes());
                return 1;
            }
            Err(_) => thread::sleep(RETRY_DELAY),
        }
    }
}

fn restore_settings(journal: &JournalFile, start: Instant) -> Result<(), ProxyError> {
    if !journal.path().exists() {
        return Ok(());
    }
    // A process that holds the lock restores the settings itself.
    let _held = journal.lock(RESTORE_TIMEOUT.saturating_sub(start.elapsed()))?;
    let Some(found) = journal.read()? else {
        return Ok(());
    };
    let store = detect::open(found.desktop).ok_or(ProxyError::Unsupported)?;
    restore::restore(store.as_ref(), &found, &ParentPipe::default())?;
    journal.remove()?;
    restore_at_login::remove();
    Ok(())
}

/// Ignores the signals that end a session, so that the guardian can finish its work.
#[cfg(unix)]
fn outlive_signals() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        let _ = signal_hook::flag::register(signal, std::sync::Arc::default());
    }
}

#[cfg(not(unix))]
fn outlive_signals() {}
