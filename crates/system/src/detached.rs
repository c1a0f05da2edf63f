//! Starts programs that outlive this process.

use std::io;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

/// Starts a program without our standard input and output. Returns its process id. A thread waits for its end.
///
/// # Errors
/// The process cannot be created.
pub fn spawn(command: Command) -> io::Result<u32> {
    let child = start(command)?;
    let pid = child.id();
    let _ = wait_in_background(child);
    Ok(pid)
}

/// As [`spawn`], and waits for its end. `None`: it runs on after `limit`.
///
/// # Errors
/// The process cannot be created.
pub fn spawn_and_wait(command: Command, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let ended = wait_in_background(start(command)?);
    Ok(ended.recv_timeout(limit).ok())
}

fn start(mut command: Command) -> io::Result<Child> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn()
}

/// A child that is not waited for stays a zombie.
fn wait_in_background(mut child: Child) -> Receiver<ExitStatus> {
    let (done, ended) = sync_channel(1);
    let waits = std::thread::Builder::new().name("child".to_owned());
    let _ = waits.stack_size(64 * 1024).spawn(move || {
        if let Ok(status) = child.wait() {
            let _ = done.send(status);
        }
    });
    ended
}
