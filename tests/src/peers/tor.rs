//! tor's SOCKS port without a network: it accepts handshakes and refuses each request, as long as it cannot bootstrap.

use std::net::SocketAddr;
use std::process::Command;

use tempfile::TempDir;

use crate::process::{Running, program};
use crate::{await_port, reserve};

use super::folder::{open_folder, write};

pub struct Tor {
    pub address: SocketAddr,
    pub running: Running,
    _folder: TempDir,
}

impl Tor {
    /// `None`: not installed.
    pub fn start() -> Option<Self> {
        let tor = program("tor")?;
        let address = reserve();
        let folder = open_folder("tor-");
        let data = folder.path().join("data");
        let config = write(
            folder.path(),
            "torrc",
            &format!(
                "SocksPort {address}\n\
                 DataDirectory {}\n\
                 ClientOnly 1\n\
                 SocksTimeout 2\n\
                 SafeLogging 0\n\
                 Log [app,net]info notice stdout\n\
                 DirAuthority nowhere orport=9 no-v2 127.0.0.1:9 {}\n",
                data.display(),
                "0123456789ABCDEF0123456789ABCDEF01234567",
            ),
        );
        let mut command = Command::new(tor);
        command
            .args(["--quiet", "--defaults-torrc"])
            .arg(folder.path().join("none"))
            .arg("-f")
            .arg(config);
        let running = Running::start("tor", command);
        await_port(address, "tor");
        Some(Self {
            address,
            running,
            _folder: folder,
        })
    }
}
