//! A program that is started and goes its own way.

use std::io;
use std::process::{Command, Stdio};

/// Starts it without our input and output; its number. Waits for nothing: its end is seen to by a thread.
///
/// # Errors
/// The system gives no process.
pub fn spawn(mut command: Command) -> io::Result<u32> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn()?;
    let pid = child.id();
    // A child that nobody waits for stays in the table of processes.
    let waits = std::thread::Builder::new().name("child".to_owned());
    let _ = waits.stack_size(64 * 1024).spawn(move || child.wait());
    Ok(pid)
}
