//! Which program is behind a loopback connection, and which one holds a port.
//!
//! Linux asks the kernel for the exact connection (`sock_diag`) and looks for its owner in /proc. On macOS and Windows
//! there is no lookup yet: [`SUPPORTED`] is false there, every answer is "not known", and rules on `app` match nothing.

mod finder;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod proc_fs;
#[cfg(target_os = "linux")]
mod sock_diag;

use std::net::SocketAddr;
use std::sync::Arc;

use privet_policy::App;

pub use finder::Finder;
#[cfg(target_os = "linux")]
pub use linux::{Processes, who_listens};
#[cfg(not(target_os = "linux"))]
pub use nowhere::{Processes, who_listens};

/// Whether this system can be asked at all.
pub const SUPPORTED: bool = cfg!(target_os = "linux");

/// Asks a process to end (SIGTERM).
///
/// # Errors
/// It is gone, or another user's.
#[cfg(unix)]
pub fn ask_to_end(pid: u32) -> std::io::Result<()> {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    let pid = pid.ok_or(std::io::ErrorKind::InvalidInput)?;
    Ok(rustix::process::kill_process(
        pid,
        rustix::process::Signal::TERM,
    )?)
}

/// A connection to us from this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Connection {
    /// The client's end.
    pub client: SocketAddr,
    /// Our end.
    pub local: SocketAddr,
}

/// Finds programs behind connections. Blocks: see [`Finder`] for callers on a runtime.
pub trait ProcessLookup: Send {
    /// The programs behind these connections, in their order; one look at the process table answers all.
    fn apps_of(&mut self, connections: &[Connection]) -> Vec<Option<Arc<App>>>;

    /// The program behind one connection.
    fn app_of(&mut self, client: SocketAddr, local: SocketAddr) -> Option<Arc<App>> {
        self.apps_of(&[Connection { client, local }]).pop()?
    }
}

#[cfg(not(target_os = "linux"))]
mod nowhere {
    use super::{App, Arc, Connection, ProcessLookup, SocketAddr};

    /// Knows nothing.
    #[derive(Debug, Default)]
    pub struct Processes;

    impl ProcessLookup for Processes {
        fn apps_of(&mut self, connections: &[Connection]) -> Vec<Option<Arc<App>>> {
            vec![None; connections.len()]
        }
    }

    /// The program that listens on an address, where this system can tell.
    pub fn who_listens(_address: SocketAddr) -> Option<App> {
        None
    }
}
