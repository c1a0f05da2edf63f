//! The built `privet`, started for one test.

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::client::CommandOutput;
use crate::port::reserve;
use crate::process::Running;
use crate::timeout::TIMEOUT;

/// A running `privet serve` with its own configuration and data folder. A panic in it fails the test.
pub struct Privet {
    running: Running,
    pub sandbox: Sandbox,
}

/// The folder and the addresses of one `privet`.
pub struct Sandbox {
    dir: TempDir,
    pub mixed: SocketAddr,
    pub socks: SocketAddr,
    pub http: SocketAddr,
    pub pac: SocketAddr,
    pub control: SocketAddr,
    pub metrics: SocketAddr,
}

/// Printed once all listeners are open.
const READY: &str = "Ctrl-C stops.";

/// How to start it, where a test needs more than a file.
#[derive(Default)]
pub struct Setup {
    /// Arguments before the program: `prlimit …`, `ip netns exec …`.
    pub prefix: Vec<String>,
    pub env: Vec<(String, String)>,
    /// The command that runs the engine; absent: `serve`.
    pub command: Option<&'static str>,
    /// The program; absent: the one under test.
    pub binary: Option<PathBuf>,
}

static CHOSEN: OnceLock<PathBuf> = OnceLock::new();

/// Sets the program under test.
pub fn use_binary(path: PathBuf) {
    CHOSEN.get_or_init(|| path);
}

/// The program under test.
pub fn binary() -> PathBuf {
    if let Some(path) = CHOSEN.get() {
        return path.clone();
    }
    if let Some(path) = std::env::var_os("PRIVET_BIN") {
        return path.into();
    }
    let here = std::env::current_exe().expect("the path of this test is known");
    let found = here
        .ancestors()
        .skip(1)
        .map(|folder| folder.join("privet"))
        .find(|file| file.is_file());
    found.expect("the privet program is not built: cargo build -p privet")
}

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

impl Default for Sandbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Sandbox {
    pub fn new() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("privet-")
            .tempdir()
            .expect("a temporary folder");
        Self {
            dir,
            mixed: reserve(),
            socks: reserve(),
            http: reserve(),
            pac: reserve(),
            control: reserve(),
            metrics: reserve(),
        }
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub fn config(&self) -> PathBuf {
        self.dir().join("privet.toml")
    }

    /// The control socket.
    pub fn socket(&self) -> PathBuf {
        self.dir().join("data/control.sock")
    }

    /// Writes the configuration, in the form of [`Privet::start`]; a running engine reloads it.
    pub fn write(&self, config: &str) {
        let mut text = config.to_owned();
        if !config.contains("[listen]") {
            text.push_str("\n[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\n");
        }
        let names = [
            ("$MIXED", self.mixed.to_string()),
            ("$SOCKS", self.socks.to_string()),
            ("$HTTP", self.http.to_string()),
            ("$PAC", self.pac.to_string()),
            ("$CONTROL", self.control.to_string()),
            ("$METRICS", self.metrics.to_string()),
            ("$DIR", self.dir().display().to_string()),
        ];
        for (name, value) in names {
            text = text.replace(name, &value);
        }
        // Atomically, as an editor saves.
        let draft = self.dir().join("privet.toml.new");
        fs::write(&draft, text).expect("the folder takes a file");
        fs::rename(draft, self.config()).expect("the folder takes a file");
    }

    /// Starts `privet serve` here, without waiting.
    pub fn run(&self, setup: &Setup) -> Running {
        let mut args = setup.prefix.clone();
        let program = setup.binary.clone().unwrap_or_else(binary);
        args.push(program.display().to_string());
        let mut command = Command::new(&args[0]);
        command
            .args(&args[1..])
            .arg(setup.command.unwrap_or("serve"));
        command.arg("--config").arg(self.config());
        command.arg("--data-dir").arg(self.dir().join("data"));
        // Tests do not change the desktop of the user who runs them.
        command.env("PRIVET_SYSTEM_PROXY", "none");
        command.envs(setup.env.iter().map(|(key, value)| (key, value)));
        Running::start("privet", command)
    }

    /// A call of the control API on the Unix socket: status and body (null where there is none).
    pub fn api(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        self.api_with("", method, path, body)
    }

    /// The same with more header lines.
    fn api_with(
        &self,
        headers: &str,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut socket = UnixStream::connect(self.socket()).expect("the control socket answers");
        socket
            .set_read_timeout(Some(TIMEOUT))
            .expect("a Unix socket takes a timeout");
        // In one write: an engine that has answered after the head reads no more.
        let request = format!(
            "{method} /api/v1/{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             {headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        socket
            .write_all(request.as_bytes())
            .expect("the control socket takes a request");
        let mut reply = String::new();
        socket
            .read_to_string(&mut reply)
            .expect("the control API answers in text");
        let status = reply
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .expect("a status line");
        let start = reply.find(['{', '[']).unwrap_or(reply.len());
        let end = reply.rfind(['}', ']']).map_or(start, |at| at + 1);
        (
            status,
            serde_json::from_str(reply.get(start..end).unwrap_or("")).unwrap_or(Value::Null),
        )
    }

    /// Runs a command of the CLI against the engine of this folder.
    pub fn cli(&self, args: &[&str]) -> CommandOutput {
        self.cli_with(&[], args)
    }

    /// As [`Sandbox::cli`], with these variables in its environment.
    pub fn cli_with(&self, env: &[(&str, &str)], args: &[&str]) -> CommandOutput {
        let mut command = Command::new(binary());
        command
            .envs(env.iter().copied())
            .env("PRIVET_SYSTEM_PROXY", "none")
            .arg("--data-dir")
            .arg(self.dir().join("data"))
            .args(args);
        CommandOutput::of(command)
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
