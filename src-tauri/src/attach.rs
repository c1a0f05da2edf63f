//! Attaches to the engine that runs, or starts `privet agent`; where neither works, what was tried is told.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use privet_api::paths::Paths;
use privet_api::{Endpoint, TransportError};
use serde::Serialize;
use tauri::State;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStderr, Command};
use tokio::task::JoinHandle;

use crate::call::{Door, request};

const PROGRAM: &str = "privet";
/// How long an engine that runs may take to answer.
const ANSWER: Duration = Duration::from_secs(5);
/// How long one that was started may take to be there.
const START: Duration = Duration::from_secs(20);
const LOOK_AGAIN: Duration = Duration::from_millis(25);
/// So much of what a failing agent said is kept, in bytes.
const SAID: usize = 4096;
/// Status answers, in bytes.
const MAX_STATUS: usize = 1024 * 1024;

/// What the window was told about where things are.
pub struct Surroundings {
    pub named: Paths,
    pub socket: PathBuf,
}

/// An engine answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Attached {
    /// It was started for this window.
    started: bool,
}

/// Nothing answers, and why nothing could be started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stranded {
    /// The socket that was tried.
    socket: String,
    why: Why,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Why {
    /// Somebody holds the socket and gives no status.
    Mute { detail: String },
    /// There is no `privet`: neither beside this program nor on the path.
    NoProgram { looked: String },
    /// It cannot be started at all.
    NotStarted { program: String, detail: String },
    /// It ended at once.
    Ended {
        program: String,
        status: String,
        said: String,
    },
    /// It runs and does not answer.
    Silent { program: String, seconds: u64 },
}

/// Attaches, or starts an agent and attaches.
#[tauri::command]
pub async fn attach(
    door: State<'_, Door>,
    surroundings: State<'_, Surroundings>,
) -> Result<Attached, Stranded> {
    let stranded = |why| Stranded {
        socket: surroundings.socket.display().to_string(),
        why,
    };
    match answers(&door.0).await {
        Ok(()) => return Ok(Attached { started: false }),
        Err(TransportError::NotRunning(_)) => {}
        Err(error) => {
            return Err(stranded(Why::Mute {
                detail: error.to_string(),
            }));
        }
    }
    start(&door.0, &surroundings.named).await.map_err(stranded)
}

async fn answers(endpoint: &Endpoint) -> Result<(), TransportError> {
    let Ok(request) = request("GET", "/api/v1/status", None) else {
        return Err(TransportError::Broken("the request".to_owned()));
    };
    let answer =
        privet_api::transport::send_and_collect(endpoint, request, MAX_STATUS, ANSWER).await?;
    if answer.status.is_success() {
        Ok(())
    } else {
        Err(TransportError::Broken(format!("status {}", answer.status)))
    }
}

async fn start(endpoint: &Endpoint, named: &Paths) -> Result<Attached, Why> {
    let program = find().map_err(|looked| Why::NoProgram { looked })?;
    let name = program.display().to_string();
    let not_started = |detail: String| Why::NotStarted {
        program: name.clone(),
        detail,
    };
    let words = named
        .to_args()
        .map_err(|error| not_started(error.to_string()))?;
    let mut command = Command::new(&program);
    command.arg("agent").args(words);
    let mut child = spawn(command).map_err(|error| not_started(error.to_string()))?;
    let said = child
        .stderr
        .take()
        .map(|stderr| tokio::spawn(last_of(stderr)));
    let begun = Instant::now();
    while begun.elapsed() < START {
        tokio::select! {
            status = child.wait() => {
                let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
                return ended(endpoint, name, status, said).await;
            }
            // Its socket is there when all of it is.
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
        if answers(endpoint).await.is_ok() {
            reap(child);
            return Ok(Attached { started: true });
        }
    }
    reap(child);
    Err(Why::Silent {
        program: name,
        seconds: START.as_secs(),
    })
}

/// It ended: because another was faster, or because something is wrong.
async fn ended(
    endpoint: &Endpoint,
    program: String,
    status: String,
    said: Option<JoinHandle<Vec<u8>>>,
) -> Result<Attached, Why> {
    if answers(endpoint).await.is_ok() {
        return Ok(Attached { started: false });
    }
    let said = match said {
        Some(said) => tokio::time::timeout(ANSWER, said).await.ok(),
        None => None,
    };
    let said = said.and_then(Result::ok).unwrap_or_default();
    Err(Why::Ended {
        program,
        status,
        said: String::from_utf8_lossy(&said).trim().to_owned(),
    })
}

/// It outlives this window, and no signal to this window's terminal reaches it.
fn spawn(mut command: Command) -> std::io::Result<Child> {
    #[cfg(unix)]
    command.process_group(0);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
}

/// Reads what it says to its end, and keeps the last of it.
async fn last_of(mut stderr: ChildStderr) -> Vec<u8> {
    let (mut kept, mut piece) = (Vec::new(), [0; 1024]);
    while let Ok(n @ 1..) = stderr.read(&mut piece).await {
        kept.extend(piece.iter().take(n));
        let over = kept.len().saturating_sub(SAID);
        kept.drain(..over);
    }
    kept
}

/// A child that nobody waits for stays in the table of processes.
fn reap(mut child: Child) {
    tokio::spawn(async move {
        let _ = child.wait().await;
    });
}

/// Beside this program, then on the path; else the folders that were looked through.
fn find() -> Result<PathBuf, String> {
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
        let looked: Vec<String> = folders.iter().map(|f| f.display().to_string()).collect();
        looked.join(", ")
    })
}
