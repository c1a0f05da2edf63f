//! microsocks: SOCKS5 CONNECT, optionally with a login.

use std::net::SocketAddr;
use std::process::Command;

use crate::process::{Running, program};
use crate::{await_port, reserve};

pub struct Microsocks {
    pub address: SocketAddr,
    pub running: Running,
}

impl Microsocks {
    /// Without a login; `None`: not installed.
    pub fn start() -> Option<Self> {
        Self::start_at(reserve(), &[])
    }

    /// Requires this user name and password.
    pub fn with_login(name: &str, password: &str) -> Option<Self> {
        Self::start_at(reserve(), &["-u", name, "-P", password])
    }

    /// At a given address, to restart one that was killed.
    pub fn start_at(address: SocketAddr, args: &[&str]) -> Option<Self> {
        let mut command = Command::new(program("microsocks")?);
        let port = address.port().to_string();
        command.args(["-i", "127.0.0.1", "-p", &port]).args(args);
        let running = Running::start("microsocks", command);
        await_port(address, "microsocks");
        Some(Self { address, running })
    }
}
