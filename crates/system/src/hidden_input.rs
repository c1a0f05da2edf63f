//! Reads a line from a terminal without showing what is typed.

use std::io;

/// Standard input shows nothing while this exists. Dropping it restores the terminal.
#[derive(Debug)]
pub struct HiddenInput {
    #[cfg(unix)]
    before: rustix::termios::Termios,
}

#[cfg(unix)]
impl HiddenInput {
    /// Stops showing input. What was typed before is discarded, since it was visible.
    ///
    /// # Errors
    /// Standard input is no terminal.
    pub fn start() -> io::Result<Self> {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let before = tcgetattr(io::stdin())?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        // The line end is shown.
        hidden.local_modes.insert(LocalModes::ECHONL);
        tcsetattr(io::stdin(), OptionalActions::Flush, &hidden)?;
        Ok(Self { before })
    }
}

#[cfg(unix)]
impl Drop for HiddenInput {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}

#[cfg(not(unix))]
impl HiddenInput {
    /// Not written for this system yet.
    ///
    /// # Errors
    /// Always.
    pub fn start() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
