//! The guardian: a second process of the same program that holds a pipe to the first. When the pipe closes, however the
//! first ended, it puts the settings back from the journal and ends. It has no runtime and opens nothing else.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::detect;
use super::journal::JournalFile;
use super::store::ParentPipe;
use super::system_proxy_session::{self, ProxyError};

/// The hidden first argument; the journal's folder follows.
pub const ARGUMENT: &str = "--guardian";
/// Putting back is tried for so long.
pub const PATIENCE: Duration = Duration::from_secs(2);
const TRY_AGAIN: Duration = Duration::from_millis(100);
/// A guardian that has nothing more to do ends at once.
const END: Duration = Duration::from_secs(1);

/// A guardian that watches this process.
#[derive(Debug)]
pub struct Guardian {
    child: Child,
    /// Closed by our end, whatever that is: only this process has it.
    pipe: Option<ChildStdin>,
}

impl Guardian {
    /// Starts one from our own program.
    ///
    /// # Errors
    /// The system gives no process.
    pub fn start(journal: &JournalFile) -> io::Result<Self> {
        let mut command = Command::new(own_program()?);
        command
            .arg(ARGUMENT)
            .arg(journal.folder())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        // Ctrl-C in a terminal is for the first process alone.
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

    /// For commands that write meanwhile.
    pub fn parent_pipe(&self) -> ParentPipe {
        self.pipe.as_ref().map(ParentPipe::of).unwrap_or_default()
    }

    /// Whether it still watches.
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
        while self.is_alive() && start.elapsed() < END {
            thread::sleep(Duration::from_millis(2));
        }
        // What it still does, the next start finishes.
        if self.is_alive() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// On Linux the program that runs, also where an update has put another in its place.
fn own_program() -> io::Result<PathBuf> {
    let running = Path::new("/proc/self/exe");
    if cfg!(target_os = "linux") && running.exists() {
        return Ok(running.to_owned());
    }
    std::env::current_exe()
}

/// The guardian's whole life; what it returns is its exit code. Also right at login, after a loss of power: with nothing
/// to wait for on its input, it puts back what nobody holds.
#[expect(clippy::disallowed_methods, reason = "it has no runtime")]
pub fn run(folder: &Path) -> u8 {
    outlive_signals();
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
        match put_back(&JournalFile::at(folder), start) {
            Ok(()) => return 0,
            Err(error) if start.elapsed() + TRY_AGAIN > PATIENCE => {
                let line = format!(
                    "privet: the system proxy could not be put back: {error}; the next start of Privet tries again\n"
                );
                let _ = io::Write::write_all(&mut io::stderr(), line.as_bytes());
                return 1;
            }
            Err(_) => thread::sleep(TRY_AGAIN),
        }
    }
}

fn put_back(journal: &JournalFile, start: Instant) -> Result<(), ProxyError> {
    if !journal.path().exists() {
        return Ok(());
    }
    // Whoever holds it lives and looks after it.
    let _held = journal.lock(PATIENCE.saturating_sub(start.elapsed()))?;
    let Some(found) = journal.read()? else {
        return Ok(());
    };
    let store = detect::open(found.desktop).ok_or(ProxyError::Unsupported)?;
    system_proxy_session::put_back(store.as_ref(), &found, &ParentPipe::default())?;
    journal.remove()?;
    super::restore_at_login::remove();
    Ok(())
}

/// The end of the session is told to every process of it; this one ends when its work is done.
#[cfg(unix)]
fn outlive_signals() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        let _ = signal_hook::flag::register(signal, std::sync::Arc::default());
    }
}

#[cfg(not(unix))]
fn outlive_signals() {}
