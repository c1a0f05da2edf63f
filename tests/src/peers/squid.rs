//! Squid: an HTTP proxy, optionally with Basic authentication.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::process::{Running, program};
use crate::{await_port, reserve};

use super::folder::{open_folder, write};

pub struct Squid {
    pub address: SocketAddr,
    pub running: Running,
    folder: TempDir,
}

impl Squid {
    /// Open to everybody and all ports; `None`: not installed.
    pub fn start() -> Option<Self> {
        Self::start_in(open_folder("squid-"), &|_| String::new())
    }

    /// Requires this user name and password.
    pub fn with_login(name: &str, password: &str) -> Option<Self> {
        let hash = crate::client::run(&program("openssl")?, &["passwd", "-apr1", password]).good();
        Self::start_in(open_folder("squid-"), &|at| {
            let users = write(at, "users", &format!("{name}:{hash}"));
            format!(
                "auth_param basic program /usr/lib/squid/basic_ncsa_auth {}\n\
                 auth_param basic realm squid\n\
                 acl known proxy_auth REQUIRED\n\
                 http_access deny !known\n",
                users.display()
            )
        })
    }

    /// With these lines of configuration too, which may name the folder that they are given.
    pub fn with_lines(lines: &dyn Fn(&Path) -> String) -> Option<Self> {
        Self::start_in(open_folder("squid-"), lines)
    }

    fn start_in(folder: TempDir, lines: &dyn Fn(&Path) -> String) -> Option<Self> {
        let squid = program("squid")?;
        let address = reserve();
        let lines = lines(folder.path());
        let at = folder.path().display();
        let config = write(
            folder.path(),
            "squid.conf",
            &format!(
                "http_port {address}\n\
                 {lines}\
                 http_access allow all\n\
                 cache deny all\n\
                 pid_filename {at}/pid\n\
                 cache_log {at}/cache.log\n\
                 access_log stdio:{at}/access.log\n\
                 logfile_rotate 0\n\
                 coredump_dir {at}\n\
                 shutdown_lifetime 0 seconds\n\
                 pinger_enable off\n\
                 visible_hostname squid.test\n"
            ),
        );
        let mut command = Command::new(squid);
        // The service name separates the shared memory of several instances.
        command
            .arg("-N")
            .arg("-n")
            .arg(format!("t{}", address.port()))
            .arg("-f")
            .arg(config);
        let running = Running::start("squid", command);
        await_port(address, "squid");
        Some(Self {
            address,
            running,
            folder,
        })
    }

    /// The lines of its access log so far.
    pub fn access_log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("access.log")).unwrap_or_default()
    }
}
