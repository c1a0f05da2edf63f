//! Programs that run in the background of a test: their output is recorded, and they are killed at its end.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::skip::missing;
use crate::timeout::TIMEOUT;

/// How long the output of a program that ended may stay open.
const LAST_OUTPUT: Duration = Duration::from_secs(5);

/// A program in the background; killed with all its children when dropped.
pub struct Running {
    child: Child,
    name: String,
    log: Arc<Log>,
}

/// The output of a program so far, and a condition variable that is notified of each new line.
#[derive(Default)]
struct Log {
    text: Mutex<String>,
    more: Condvar,
    /// Output streams that are still open; 0: the program ended.
    open: AtomicUsize,
}

impl Running {
    /// Starts `command` without standard input, and captures its output.
    pub fn start(name: &str, command: Command) -> Self {
        let mut child = dies_with_us(command)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let log = Arc::new(Log::default());
        log.open.store(2, Ordering::SeqCst);
        collect(child.stdout.take(), log.clone());
        collect(child.stderr.take(), log.clone());
        Self {
            child,
            name: name.to_owned(),
            log,
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All output so far.
    pub fn log(&self) -> String {
        self.log
            .text
            .lock()
            .expect("the log's readers do not panic")
            .clone()
    }

    /// Waits until the output contains `what`.
    ///
    /// # Panics
    /// The program ends without printing it, or does not print it within [`TIMEOUT`].
    #[track_caller]
    pub fn await_line(&self, what: &str) {
        let text = self
            .log
            .text
            .lock()
            .expect("the log's readers do not panic");
        let (text, _) = self
            .log
            .more
            .wait_timeout_while(text, TIMEOUT, |text| {
                !text.contains(what) && self.log.open.load(Ordering::SeqCst) > 0
            })
            .expect("the log's readers do not panic");
        let output = text.clone();
        // The lock is released first: reporting a failure takes it again.
        drop(text);
        let text = output;
        assert!(
            text.contains(what),
            "{} never printed {what:?}; its output:\n{text}",
            self.name
        );
    }

    /// Sends a signal to the program, not to its children.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.raw_pid(), signal)
            .unwrap_or_else(|error| panic!("{}: {error}", self.name));
    }

    /// Kills it at once, with its children.
    pub fn kill(&mut self) {
        // It may have ended already.
        let _ = kill_process_group(self.raw_pid(), Signal::KILL);
        let _ = self.child.wait();
    }

    /// Waits for its end, and for the rest of its output.
    ///
    /// # Panics
    /// It does not end in time.
    #[expect(
        clippy::disallowed_methods,
        reason = "the standard library waits for a child with no deadline only"
    )]
    pub fn wait(&mut self, timeout: Duration) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("the child is ours") {
                self.await_output();
                return status;
            }
            assert!(
                start.elapsed() < timeout,
                "{} does not end; its output:\n{}",
                self.name,
                self.log()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the output of the ended program was read. A child that it left behind may keep it open.
    fn await_output(&self) {
        let text = self.log.text.lock();
        let text = text.expect("the log's readers do not panic");
        let more = &self.log.more;
        let read = more.wait_timeout_while(text, LAST_OUTPUT, |_| {
            self.log.open.load(Ordering::SeqCst) > 0
        });
        drop(read.expect("the log's readers do not panic"));
    }

    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    fn raw_pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("── output of {}:\n{}", self.name, self.log());
        }
    }
}

fn collect(stream: Option<impl Read + Send + 'static>, log: Arc<Log>) {
    let Some(stream) = stream else { return };
    std::thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            let mut text = log.text.lock().expect("the log's readers do not panic");
            text.push_str(&String::from_utf8_lossy(&line));
            text.push('\n');
            log.more.notify_all();
        }
        let _text = log.text.lock().expect("the log's readers do not panic");
        log.open.fetch_sub(1, Ordering::SeqCst);
        log.more.notify_all();
    });
}

/// The processor time of a process, in hundredths of a second.
///
/// # Panics
/// There is no such process.
pub fn ticks(pid: u32) -> u64 {
    let path = format!("/proc/{pid}/stat");
    let stat = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    // A name may contain spaces and parentheses; the state's letter follows it.
    let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<&str> = after.split_whitespace().skip(1).collect();
    let time = |at: usize| {
        let field = fields.get(at).and_then(|field| field.parse::<u64>().ok());
        field.unwrap_or_else(|| panic!("{path} is {stat}"))
    };
    // proc(5): utime and stime.
    time(10) + time(11)
}

/// How often the threads of a process stopped running, by themselves or not.
///
/// # Panics
/// There is no such process.
pub fn context_switches(pid: u32) -> u64 {
    let path = format!("/proc/{pid}/task");
    let threads = std::fs::read_dir(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    threads
        .filter_map(|thread| {
            // A thread may end while this reads.
            let status = std::fs::read_to_string(thread.ok()?.path().join("status")).ok()?;
            let counts = status
                .lines()
                .filter_map(|line| line.split_once("_ctxt_switches:"));
            Some(
                counts
                    .filter_map(|(_, n)| n.trim().parse::<u64>().ok())
                    .sum::<u64>(),
            )
        })
        .sum()
}

/// KiB of memory that a process has written to and holds alone.
///
/// # Panics
/// There is no such process.
pub fn own_memory(pid: u32) -> u64 {
    resident(pid, "RssAnon:")
}

/// The memory of a process that is in files, in KiB: its program and libraries.
///
/// # Panics
/// There is no such process.
pub fn file_memory(pid: u32) -> u64 {
    resident(pid, "RssFile:")
}

/// A line of `/proc/pid/status` (proc(5)) in KiB.
fn resident(pid: u32, name: &str) -> u64 {
    let path = format!("/proc/{pid}/status");
    let status = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
    kib.unwrap_or_else(|| panic!("{path} is {status}"))
}

/// Pins programs that this process starts from now on to that core, away from the load of a benchmark.
pub fn pin_to(core: usize) {
    PINNED.store(core, Ordering::Relaxed);
}

static PINNED: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Puts the command into a new process group, which the kernel kills when the thread that started it ends.
fn dies_with_us(inner: Command) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]);
    match PINNED.load(Ordering::Relaxed) {
        usize::MAX => {}
        core => {
            command.args(["taskset", "-c", &core.to_string()]);
        }
    }
    command.arg(inner.get_program()).args(inner.get_args());
    for (key, value) in inner.get_envs() {
        match value {
            Some(value) => command.env(key, value),
            None => command.env_remove(key),
        };
    }
    if let Some(folder) = inner.get_current_dir() {
        command.current_dir(folder);
    }
    command.process_group(0);
    command
}

/// The path of a program, or `None`, reported as skipped, where it is not installed.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file());
    if found.is_none() {
        missing(&format!("{name} is not installed"));
    }
    found
}
