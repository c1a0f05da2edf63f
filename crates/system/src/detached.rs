//! Starts programs that outlive this process.

use std::io;
use std::process::{Command, Stdio};

/// Starts a program without our standard input and output. Returns its process id. A thread waits for its end.
///
/// # Errors
/// The process cannot be created.
pub fn spawn(mut command: Command) -> io::Result<u32> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn()?;
    let pid = child.id();
    // A child that is not waited for stays a zombie.
    let waits = std::thread::Builder::new().name("child".to_owned());
    let _ = waits.stack_size(64 * 1024).spawn(move || child.wait());
    Ok(pid)
}
