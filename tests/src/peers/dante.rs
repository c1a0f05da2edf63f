//! Dante: SOCKS4 and SOCKS5 with CONNECT, BIND and UDP ASSOCIATE.

use std::net::SocketAddr;
use std::process::Command;

use tempfile::TempDir;

use crate::process::{Running, program};
use crate::{await_port, reserve};

use super::folder::{open_folder, write};

/// A `danted` without a login, with loopback on both sides.
pub struct Dante {
    pub address: SocketAddr,
    pub running: Running,
    _folder: TempDir,
}

impl Dante {
    /// `None`: not installed.
    pub fn start() -> Option<Self> {
        Self::start_with("")
    }

    /// With these rules before those that allow everything.
    pub fn start_with(rules: &str) -> Option<Self> {
        let danted = program("danted")?;
        let address = reserve();
        let folder = open_folder("dante-");
        let config = write(
            folder.path(),
            "danted.conf",
            &format!(
                "logoutput: stderr\n\
                 internal: 127.0.0.1 port = {}\n\
                 external: lo\n\
                 clientmethod: none\n\
                 socksmethod: none\n\
                 user.privileged: root\n\
                 user.unprivileged: nobody\n\
                 client pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}\n\
                 {rules}\n\
                 socks pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 command: bind connect udpassociate }}\n\
                 socks pass {{ from: 0.0.0.0/0 to: 127.0.0.0/8 command: bindreply udpreply }}\n",
                address.port()
            ),
        );
        let mut command = Command::new(danted);
        command
            .args(["-N", "1", "-p"])
            .arg(folder.path().join("pid"))
            .arg("-f")
            .arg(config);
        let running = Running::start("danted", command);
        await_port(address, "danted");
        Some(Self {
            address,
            running,
            _folder: folder,
        })
    }
}
