//! `privet quit`: stops the running engine, which restores the previous system proxy first.

use std::time::{Duration, Instant};

use privet_api::ClientError;

use crate::commands::Context;
use crate::exit::{Exit, Failure};

/// Longer than the default drain time of ten seconds.
const TIMEOUT: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

pub async fn run(context: &Context) -> Result<Exit, Failure> {
    let client = context.client()?;
    let pid = client.status().await?.pid;
    end(pid)?;
    let start = Instant::now();
    while start.elapsed() < TIMEOUT {
        if matches!(client.status().await, Err(ClientError::NotRunning(_))) {
            context.print_error(&format!("process {pid} stopped"));
            return Ok(Exit::Done);
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    Err(Failure::failed(format!(
        "process {pid} was asked to stop and is still running after {} s",
        TIMEOUT.as_secs()
    )))
}

#[cfg(unix)]
fn end(pid: u32) -> Result<(), Failure> {
    privet_system::process::terminate(pid)
        .map_err(|error| Failure::failed(format!("cannot stop process {pid}: {error}")))
}

#[cfg(not(unix))]
fn end(pid: u32) -> Result<(), Failure> {
    Err(Failure::with_help(
        "an engine cannot be stopped by another process on this system",
        format!("stop process {pid} from its tray icon, or with Ctrl-C in its terminal"),
    ))
}
