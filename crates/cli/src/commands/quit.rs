//! `privet quit`: the running engine gives the desktop's proxy back and ends.

use std::time::{Duration, Instant};

use privet_control::ClientError;

use crate::commands::Context;
use crate::exit::{Exit, Failure};

/// An engine drains for ten seconds unless it was told otherwise.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

pub async fn run(context: &Context) -> Result<Exit, Failure> {
    let client = context.client()?;
    let pid = client.status().await?.pid;
    end(pid)?;
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if matches!(client.status().await, Err(ClientError::NotRunning(_))) {
            context.complain(&format!("process {pid} has ended its engine"));
            return Ok(Exit::Done);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Err(Failure::failed(format!(
        "process {pid} was told to end and still runs after {} s",
        PATIENCE.as_secs()
    )))
}

#[cfg(unix)]
fn end(pid: u32) -> Result<(), Failure> {
    privet_system::process::ask_to_end(pid)
        .map_err(|error| Failure::failed(format!("process {pid} cannot be told to end: {error}")))
}

#[cfg(not(unix))]
fn end(pid: u32) -> Result<(), Failure> {
    Err(Failure::with_help(
        "an engine cannot be ended from outside on this system",
        format!("end process {pid} from its tray, or with Ctrl-C where it runs"),
    ))
}
