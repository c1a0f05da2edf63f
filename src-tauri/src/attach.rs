//! Attaches to the running engine, or starts `privet agent`. Failures say what was tried.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use privet_api::paths::Paths;
use privet_api::{Client, ClientError, ClientKind, Endpoint};
use serde::Serialize;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStderr, Command};
use tokio::task::JoinHandle;

const PROGRAM: &str = "privet";
/// Timeout of a status request.
const STATUS_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a started agent may take until it answers.
const START_TIMEOUT: Duration = Duration::from_secs(20);
const POLL_INTERVAL: Duration = Duration::from_millis(25);
/// Bytes kept from the end of a failing agent's standard error.
const MAX_STDERR: usize = 4096;

/// The paths from the command line, and the control socket that follows from them.
#[derive(Clone)]
pub struct EnginePaths {
    pub paths: Paths,
    pub socket: PathBuf,
}

/// Attached to an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Attached {
    /// The engine was started by this window.
    started: bool,
}

impl Attached {
    /// To one that was running.
    pub const RUNNING: Self = Self { started: false };
}

/// No engine answers and none could be started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttachError {
    /// The control socket that was tried.
    socket: String,
    reason: AttachFailure,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum AttachFailure {
    /// A process holds the socket but does not answer.
    Unresponsive { detail: String },
    /// No `privet` beside this program or in `PATH`.
    ProgramNotFound { searched: String },
    /// The program could not be executed.
    SpawnFailed { program: String, detail: String },
    /// The program exited at once.
    Exited {
        program: String,
        status: String,
        stderr: String,
    },
    /// The program runs but did not answer in time.
    StartTimeout { program: String, seconds: u64 },
}

/// Attaches, or starts an agent and attaches.
pub async fn attach_or_start(
    engine: &Endpoint,
    paths: &EnginePaths,
) -> Result<Attached, AttachError> {
    let attach_error = |reason| AttachError {
        socket: paths.socket.display().to_string(),
        reason,
    };
    match check_status(engine).await {
        Ok(()) => return Ok(Attached::RUNNING),
        Err(ClientError::NotRunning(_)) => {}
        Err(error) => {
            return Err(attach_error(AttachFailure::Unresponsive {
                detail: error.to_string(),
            }));
        }
    }
    start(engine, &paths.paths).await.map_err(attach_error)
}

async fn check_status(endpoint: &Endpoint) -> Result<(), ClientError> {
    let client = Client::new(endpoint.clone()).with_kind(ClientKind::Window);
    tokio::time::timeout(STATUS_TIMEOUT, client.ping())
        .await
        .unwrap_or(Err(ClientError::TimedOut))
}

async fn start(endpoint: &Endpoint, paths: &Paths) -> Result<Attached, AttachFailure> {
    let program = find_program().map_err(|searched| AttachFailure::ProgramNotFound { searched })?;
    let name = program.display().to_string();
    let not_started = |detail: String| AttachFailure::SpawnFailed {
        program: name.clone(),
        detail,
    };
    let args = paths
        .to_args()
        .map_err(|error| not_started(error.to_string()))?;
    let mut command = Command::new(&program);
    command.arg("agent").args(args);
    let mut child = spawn(command).map_err(|error| not_started(error.to_string()))?;
    let stderr = child
        .stderr
        .take()
        .map(|stderr| tokio::spawn(read_tail(stderr)));
    let begun = Instant::now();
    while begun.elapsed() < START_TIMEOUT {
        tokio::select! {
            status = child.wait() => {
                let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
                return exited(endpoint, name, status, stderr).await;
            }
            // The agent creates its socket last.
            () = tokio::time::sleep(POLL_INTERVAL) => {}
        }
        if check_status(endpoint).await.is_ok() {
            reap(child);
            return Ok(Attached { started: true });
        }
    }
    reap(child);
    Err(AttachFailure::StartTimeout {
        program: name,
        seconds: START_TIMEOUT.as_secs(),
    })
}

/// The agent exited: another one may have started first, otherwise it failed.
async fn exited(
    endpoint: &Endpoint,
    program: String,
    status: String,
    stderr: Option<JoinHandle<Vec<u8>>>,
) -> Result<Attached, AttachFailure> {
    if check_status(endpoint).await.is_ok() {
        return Ok(Attached { started: false });
    }
    let stderr = match stderr {
        Some(stderr) => tokio::time::timeout(STATUS_TIMEOUT, stderr).await.ok(),
        None => None,
    };
    let stderr = stderr.and_then(Result::ok).unwrap_or_default();
    Err(AttachFailure::Exited {
        program,
        status,
        stderr: String::from_utf8_lossy(&stderr).trim().to_owned(),
    })
}

/// In a process group of its own, so that it outlives this window and gets no signals of its terminal.
fn spawn(mut command: Command) -> std::io::Result<Child> {
    #[cfg(unix)]
    command.process_group(0);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
}

/// Reads standard error to its end and keeps the last [`MAX_STDERR`] bytes.
async fn read_tail(mut stderr: ChildStderr) -> Vec<u8> {
    let (mut kept, mut piece) = (Vec::new(), [0; 1024]);
    while let Ok(n @ 1..) = stderr.read(&mut piece).await {
        kept.extend(piece.iter().take(n));
        let over = kept.len().saturating_sub(MAX_STDERR);
        kept.drain(..over);
    }
    kept
}

/// Waits for the child in the background, so that it does not stay a zombie.
fn reap(mut child: Child) {
    tokio::spawn(async move {
        let _ = child.wait().await;
    });
}

/// Beside this program, then on the path; else the folders that were searched through.
fn find_program() -> Result<PathBuf, String> {
    let own = std::env::current_exe().ok();
    let beside = own.as_deref().and_then(Path::parent).map(Path::to_owned);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = beside
        .into_iter()
        .chain(std::env::split_paths(&path))
        .collect();
    let name = format!("{PROGRAM}{}", std::env::consts::EXE_SUFFIX);
    let found = folders
        .iter()
        .map(|folder| folder.join(&name))
        .find(|file| file.is_file());
    found.ok_or_else(|| {
        let searched: Vec<String> = folders.iter().map(|f| f.display().to_string()).collect();
        searched.join(", ")
    })
}
