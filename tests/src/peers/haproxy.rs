//! HAProxy that terminates TLS in front of another server: a proxy becomes an `https` upstream, an origin an HTTPS origin.

use std::net::SocketAddr;
use std::process::Command;

use tempfile::TempDir;

use crate::process::{Running, program};
use crate::{await_port, reserve};

use super::certificate::Certificate;
use super::folder::{open_folder, write};

pub struct Haproxy {
    pub address: SocketAddr,
    pub certificate: Certificate,
    pub running: Running,
    _folder: TempDir,
}

impl Haproxy {
    /// Terminates TLS and forwards to `behind`; `None`: HAProxy or openssl is not installed.
    pub fn tls(behind: SocketAddr) -> Option<Self> {
        let haproxy = program("haproxy")?;
        let certificate = Certificate::new()?;
        let address = reserve();
        let folder = open_folder("haproxy-");
        let config = write(
            folder.path(),
            "haproxy.cfg",
            &format!(
                "global\n  maxconn 500\n\
                 defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n\
                 frontend tls\n  bind {address} ssl crt {}\n  default_backend behind\n\
                 backend behind\n  server one {behind}\n",
                certificate.both().display()
            ),
        );
        let mut command = Command::new(haproxy);
        command.arg("-db").arg("-f").arg(config);
        let running = Running::start("haproxy", command);
        await_port(address, "haproxy");
        Some(Self {
            address,
            certificate,
            running,
            _folder: folder,
        })
    }
}
