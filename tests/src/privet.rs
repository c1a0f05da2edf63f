//! The built `privet`, started for one test.

use std::net::SocketAddr;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::client::CommandOutput;
use crate::process::Running;
pub use crate::sandbox::{Sandbox, Setup, binary, use_binary};
use crate::timeout::TIMEOUT;

/// A running `privet serve` with its own configuration and data folder. A panic in it fails the test.
pub struct Privet {
    running: Running,
    pub sandbox: Sandbox,
}

/// Printed once all listeners are open.
const READY: &str = "Ctrl-C stops.";

impl Privet {
    /// Starts it with this configuration, and returns when it accepts connections.
    ///
    /// `$MIXED`, `$SOCKS`, `$HTTP`, `$PAC`, `$CONTROL` and `$METRICS` stand for addresses reserved for it, `$DIR` for its
    /// folder. Without a `[listen]` in the text it gets one mixed listener and no PAC.
    pub fn start(config: &str) -> Self {
        Self::start_as(config, &Setup::default())
    }

    /// As [`Privet::start`], with this prefix, environment or command.
    pub fn start_as(config: &str, setup: &Setup) -> Self {
        let sandbox = Sandbox::new();
        sandbox.write(config);
        Self::start_in(sandbox, setup)
    }

    /// Starts it with the configuration and the files in its folder.
    pub fn start_at(sandbox: Sandbox) -> Self {
        Self::start_in(sandbox, &Setup::default())
    }

    fn start_in(sandbox: Sandbox, setup: &Setup) -> Self {
        let running = sandbox.run(setup);
        running.await_line(READY);
        Self { running, sandbox }
    }

    /// Stops it as a service manager would, and starts it again with the same folder and addresses.
    pub fn restart(&mut self) {
        self.restart_after(|| ());
    }

    /// As [`Privet::restart`], with this prefix, environment or command.
    pub fn restart_as(&mut self, setup: &Setup) {
        self.running.signal(Signal::TERM);
        self.running.wait(TIMEOUT);
        self.running = self.sandbox.run(setup);
        self.running.await_line(READY);
    }

    /// Kills it, so that it can write nothing more, and starts it again with the same folder and addresses.
    pub fn kill_and_restart(&mut self) {
        self.running.kill();
        self.running = self.sandbox.run(&Setup::default());
        self.running.await_line(READY);
    }

    /// As [`Privet::restart`], and runs `work` while it is stopped.
    pub fn restart_after(&mut self, work: impl FnOnce()) {
        self.running.signal(Signal::TERM);
        self.running.wait(TIMEOUT);
        work();
        self.running = self.sandbox.run(&Setup::default());
        self.running.await_line(READY);
    }

    /// Its mixed listener.
    pub fn proxy(&self) -> SocketAddr {
        self.sandbox.mixed
    }

    pub fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        self.running.log()
    }

    pub fn await_log(&self, what: &str) {
        self.running.await_line(what);
    }

    pub fn signal(&self, signal: Signal) {
        self.running.signal(signal);
    }

    pub fn is_running(&mut self) -> bool {
        self.running.is_running()
    }

    pub fn wait(&mut self, timeout: Duration) -> ExitStatus {
        self.running.wait(timeout)
    }

    /// Runs a command of the CLI against this engine.
    pub fn cli(&self, args: &[&str]) -> CommandOutput {
        self.sandbox.cli(args)
    }

    /// Runs a command of the CLI with `--json`. Returns its output.
    pub fn json(&self, args: &[&str]) -> Value {
        let mut all = args.to_vec();
        all.push("--json");
        let answer = self.cli(&all);
        serde_json::from_str(&answer.out)
            .unwrap_or_else(|error| panic!("{all:?}: {error}: {answer:?}"))
    }

    /// A call of the control API on the Unix socket: status and body (null where there is none).
    pub fn api(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        self.sandbox.api(method, path, body)
    }

    /// As [`Privet::api`], with the header that names the client program.
    pub fn api_by(
        &self,
        client: &str,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let header = format!("Privet-Client: {client}\r\n");
        self.sandbox.api_with(&header, method, path, body)
    }

    /// As [`Privet::api`], with `If-Match`.
    pub fn api_if(
        &self,
        version: &str,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let header = format!("If-Match: {version}\r\n");
        self.sandbox.api_with(&header, method, path, body)
    }

    /// The `ETag` of a GET.
    pub fn etag(&self, path: &str) -> String {
        let socket = self.sandbox.socket().display().to_string();
        let url = format!("http://localhost/api/v1/{path}");
        let head = crate::curl(&["-D", "-", "-o", "/dev/null", "--unix-socket", &socket, &url]);
        let head = head.good().to_lowercase();
        let line = head.lines().find_map(|line| line.strip_prefix("etag: "));
        line.unwrap_or_else(|| panic!("no ETag: {head}"))
            .trim()
            .to_owned()
    }

    /// The rows of `GET /connections` in a state.
    pub fn rows(&self, state: &str) -> Vec<Value> {
        let (status, answer) = self.api(
            "GET",
            &format!("connections?state={state}&limit=1000"),
            None,
        );
        assert_eq!(status, 200, "{answer}");
        answer["rows"]
            .as_array()
            .unwrap_or_else(|| panic!("no rows in {answer}"))
            .clone()
    }

    /// Returns the first row of that state for which `what` holds, once there is one.
    pub fn await_row(&self, state: &str, what: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            let rows = self.rows(state);
            if let Some(row) = rows.iter().find(|row| what(row)) {
                return row.clone();
            }
            assert!(
                start.elapsed() < TIMEOUT,
                "no such row among the {state}: {rows:#?}"
            );
            pause();
        }
    }

    /// Returns once `ready` is true of the response of the control API at `path`.
    pub fn await_api(&self, path: &str, ready: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            let (_, answer) = self.api("GET", path, None);
            if ready(&answer) {
                return answer;
            }
            assert!(start.elapsed() < TIMEOUT, "{path} stays {answer:#}");
            pause();
        }
    }
}

impl Drop for Privet {
    fn drop(&mut self) {
        let log = self.running.log();
        if log.contains("panicked at") && !std::thread::panicking() {
            panic!("privet panicked:\n{log}");
        }
    }
}

/// Pauses between two polls.
#[expect(
    clippy::disallowed_methods,
    reason = "a row in another process gives no event to wait for"
)]
pub(crate) fn pause() {
    std::thread::sleep(Duration::from_millis(10));
}
