//! A program on a terminal of its own (made by `script`), typed into and read as a person does.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::process::program;

/// Killed when dropped.
pub struct Terminal {
    child: Child,
    keyboard: ChildStdin,
    screen: ChildStdout,
    seen: String,
}

impl Terminal {
    /// Starts a shell command; `None`, reported as skipped, where `script` is not installed.
    pub fn start(command: &str, env: &[(String, String)]) -> Option<Self> {
        let mut child = Command::new(program("script")?)
            .args(["--quiet", "--return", "--flush", "--command", command])
            .arg("/dev/null")
            .envs(env.iter().map(|(key, value)| (key, value)))
            .env("SHELL", "/bin/sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script starts");
        Some(Self {
            keyboard: child.stdin.take().expect("it is piped"),
            screen: child.stdout.take().expect("it is piped"),
            child,
            seen: String::new(),
        })
    }

    /// Reads the screen until `what` was on it. Blocks until then, or fails at the end of the program.
    #[track_caller]
    pub fn await_text(&mut self, what: &str) {
        let mut part = [0; 4096];
        while !self.seen.contains(what) {
            let n = self.screen.read(&mut part).expect("the screen is readable");
            assert_ne!(n, 0, "{what:?} was never on the screen: {}", self.seen);
            self.seen.push_str(&String::from_utf8_lossy(&part[..n]));
        }
    }

    pub fn type_text(&mut self, text: &str) {
        self.keyboard
            .write_all(text.as_bytes())
            .expect("the program reads its terminal");
        self.keyboard.flush().expect("a pipe");
    }

    /// Waits for the end: exit code, and everything that was on the screen.
    pub fn end(mut self) -> (i32, String) {
        let mut rest = Vec::new();
        self.screen
            .read_to_end(&mut rest)
            .expect("the screen is readable");
        self.seen.push_str(&String::from_utf8_lossy(&rest));
        let status = self.child.wait().expect("script is our child");
        (status.code().unwrap_or(-1), std::mem::take(&mut self.seen))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
