//! clamd with one signature of ours.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::{open_folder, write};
use crate::process::{Running, program};
use crate::wait::until;
use crate::{await_port, reserve};

/// What the signature matches.
pub const PAYLOAD: &str = "the clamd payload";
/// The signature's name, as clamd says it: one that ClamAV did not sign is marked.
pub const SIGNATURE: &str = "Privet.Test.Payload.UNOFFICIAL";

pub struct Clamd {
    pub socket: PathBuf,
    pub tcp: SocketAddr,
    pub running: Running,
    folder: TempDir,
}

impl Clamd {
    /// Takes bodies of up to 4 MiB. `None`: not installed.
    pub fn start() -> Option<Self> {
        Self::with_limit("4M")
    }

    /// Takes bodies of this size, as clamd writes it.
    pub fn with_limit(size: &str) -> Option<Self> {
        let program = program("clamd")?;
        let folder = open_folder("privet-clamd");
        let database = folder.path().join("db");
        std::fs::create_dir(&database).expect("the folder takes another");
        let hex: String = PAYLOAD.bytes().map(|byte| format!("{byte:02x}")).collect();
        let name = SIGNATURE.trim_end_matches(".UNOFFICIAL");
        write(&database, "own.ndb", &format!("{name}:0:*:{hex}\n"));
        let socket = folder.path().join("clamd.sock");
        let tcp = reserve();
        let config = format!(
            "LocalSocket {}\nTCPSocket {}\nTCPAddr {}\nDatabaseDirectory {}\nForeground yes\n\
             StreamMaxLength {size}\nMaxFileSize {size}\nMaxScanSize {size}\n\
             MaxScanTime 600000\nReadTimeout 300\nCommandReadTimeout 300\n",
            socket.display(),
            tcp.port(),
            tcp.ip(),
            database.display()
        );
        let config = write(folder.path(), "clamd.conf", &config);
        let mut command = Command::new(program);
        command.arg("-c").arg(config);
        let running = Running::start("clamd", command);
        until("clamd listens", || socket.exists());
        await_port(tcp, "clamd");
        Some(Self {
            socket,
            tcp,
            running,
            folder,
        })
    }

    /// The value of the key `clamd`.
    pub fn address(&self) -> String {
        format!("unix:{}", self.socket.display())
    }

    /// Its folder, for what stands beside it.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }
}
