//! redis-server, on a port and a Unix socket of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::Signal;
use tempfile::TempDir;

use super::{Certificate, open_folder};
use crate::client::CommandOutput;
use crate::process::{Running, program};
use crate::{await_port, client, reserve};

/// Its password.
pub const PASSWORD: &str = "the redis password";

pub struct RedisServer {
    pub tcp: SocketAddr,
    /// The port that speaks TLS, and its certificate.
    pub tls: Option<(SocketAddr, Certificate)>,
    pub socket: PathBuf,
    program: PathBuf,
    client: PathBuf,
    running: Running,
    _folder: TempDir,
}

impl RedisServer {
    /// `None`: not installed.
    pub fn start() -> Option<Self> {
        Self::start_as(None)
    }

    /// With a port for TLS too. `None`: not installed, or openssl is not.
    pub fn start_with_tls() -> Option<Self> {
        Self::start_as(Some((reserve(), Certificate::new()?)))
    }

    fn start_as(tls: Option<(SocketAddr, Certificate)>) -> Option<Self> {
        let (program, client) = (program("redis-server")?, program("redis-cli")?);
        let folder = open_folder("privet-redis");
        let socket = folder.path().join("redis.sock");
        let tcp = reserve();
        let running = run(&program, tcp, tls.as_ref(), &socket);
        Some(Self {
            tcp,
            tls,
            socket,
            program,
            client,
            running,
            _folder: folder,
        })
    }

    pub fn kill(&mut self) {
        self.running.kill();
    }

    /// Starts it again, with nothing in it.
    pub fn start_again(&mut self) {
        self.running = run(&self.program, self.tcp, self.tls.as_ref(), &self.socket);
    }

    /// It keeps its connections and answers nothing any more.
    pub fn stop(&self) {
        self.running.signal(Signal::STOP);
    }

    pub fn go_on(&self) {
        self.running.signal(Signal::CONT);
    }

    /// What a command says.
    #[track_caller]
    pub fn cli(&self, args: &[&str]) -> String {
        let port = self.tcp.port().to_string();
        let fixed = ["-p", &port, "-a", PASSWORD, "--no-auth-warning", "--raw"];
        let answer: CommandOutput = client::run(&self.client, &[&fixed, args].concat());
        answer.good().trim().to_owned()
    }

    /// Names of the entries that are kept.
    pub fn entries(&self) -> Vec<String> {
        let names = self.cli(&["KEYS", "*"]);
        let entries = names.lines().filter(|name| name.contains(":entry:"));
        entries.map(str::to_owned).collect()
    }
}

fn run(
    program: &PathBuf,
    tcp: SocketAddr,
    tls: Option<&(SocketAddr, Certificate)>,
    socket: &PathBuf,
) -> Running {
    let mut command = Command::new(program);
    command
        .args(["--bind", "127.0.0.1", "--port", &tcp.port().to_string()])
        .arg("--unixsocket")
        .arg(socket)
        .args(["--save", "", "--appendonly", "no"])
        .args(["--requirepass", PASSWORD]);
    if let Some((port, certificate)) = tls {
        command.args(["--tls-port", &port.port().to_string()]);
        command.arg("--tls-cert-file").arg(certificate.both());
        command.arg("--tls-key-file").arg(certificate.both());
        command.arg("--tls-ca-cert-file").arg(certificate.ca());
        command.args(["--tls-auth-clients", "no"]);
    }
    let running = Running::start("redis-server", command);
    running.await_line("Ready to accept connections");
    await_port(tcp, "redis-server");
    if let Some((port, _)) = tls {
        await_port(*port, "redis-server with TLS");
    }
    running
}
