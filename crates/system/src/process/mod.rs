//! Which program is behind a connection from this machine, and which one listens on a port.
//!
//! On Linux the kernel names the client's socket (`sock_diag`) and /proc the process that has it open. On macOS and Windows
//! there is no lookup yet: [`SUPPORTED`] is false there, no connection has a program, and rules on `app` match nothing.

mod lookup_queue;
#[cfg(target_os = "linux")]
mod proc_fs;
#[cfg(target_os = "linux")]
mod proc_process;
mod program_finder;
mod program_lookup;
mod search_budget;
#[cfg(target_os = "linux")]
mod sock_diag;
#[cfg(target_os = "linux")]
mod socket_owners;

use std::net::SocketAddr;
use std::sync::Arc;

use privet_policy::App;

#[cfg(not(target_os = "linux"))]
pub use nowhere::{Processes, who_listens};
pub use program_finder::ProgramFinder;
pub use program_lookup::{ProgramLookup, ProgramState};
#[cfg(target_os = "linux")]
pub use socket_owners::{Processes, who_listens};

/// Whether look-ups are supported on this system.
pub const SUPPORTED: bool = cfg!(target_os = "linux");

/// Asks a process to end (SIGTERM).
///
/// # Errors
/// It has ended, or belongs to another user.
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

/// A connection to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Connection {
    /// The client's address.
    pub client: SocketAddr,
    /// Our address.
    pub local: SocketAddr,
}

impl Connection {
    /// Whether the client is on this machine: it comes from a loopback address, or from the address that it connected to.
    pub fn is_on_this_machine(&self) -> bool {
        let client = self.client.ip().to_canonical();
        client.is_loopback() || client == self.local.ip().to_canonical()
    }
}

/// The user whose program is behind a connection from this machine; `None` where that is not known. Blocks for 200 ms at most.
pub fn user_behind(client: SocketAddr, local: SocketAddr) -> Option<u32> {
    let connection = Connection { client, local };
    if !connection.is_on_this_machine() {
        return None;
    }
    #[cfg(target_os = "linux")]
    {
        let found = sock_diag::SockDiag::open().and_then(|mut diag| diag.find(&[connection]));
        found.ok()?.pop()?.map(|socket| socket.uid)
    }
    #[cfg(not(target_os = "linux"))]
    None
}

/// How far programs are searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchScope {
    /// Processes that were found recently.
    RecentProcesses,
    AllProcesses,
}

/// The answer for one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProgramAnswer {
    /// A process that may not be read is "unknown program of user N".
    Found(Arc<App>),
    /// No process has the client's socket open any more, or the system did not answer.
    Unknown,
    /// None of the recent processes has; [`SearchScope::AllProcesses`] says more.
    NotRecent,
}

/// Finds programs behind connections. Blocks: see [`ProgramFinder`] for callers on a runtime.
pub trait ProcessLookup: Send {
    /// The programs behind these connections, in their order; each process is read once for all of them.
    fn programs_of(&mut self, connections: &[Connection], scope: SearchScope)
    -> Vec<ProgramAnswer>;

    /// The programs behind these connections, in their order, searched among all processes.
    fn apps_of(&mut self, connections: &[Connection]) -> Vec<Option<Arc<App>>> {
        let answers = self.programs_of(connections, SearchScope::AllProcesses);
        let app = |answer| match answer {
            ProgramAnswer::Found(app) => Some(app),
            ProgramAnswer::Unknown | ProgramAnswer::NotRecent => None,
        };
        answers.into_iter().map(app).collect()
    }

    /// The program behind one connection.
    fn app_of(&mut self, client: SocketAddr, local: SocketAddr) -> Option<Arc<App>> {
        self.apps_of(&[Connection { client, local }]).pop()?
    }
}

#[cfg(not(target_os = "linux"))]
mod nowhere {
    use super::{App, Connection, ProcessLookup, ProgramAnswer, SearchScope, SocketAddr};

    /// Finds no program.
    #[derive(Debug, Default)]
    pub struct Processes;

    impl Processes {
        pub fn new() -> Self {
            Self
        }
    }

    impl ProcessLookup for Processes {
        fn programs_of(
            &mut self,
            connections: &[Connection],
            _: SearchScope,
        ) -> Vec<ProgramAnswer> {
            vec![ProgramAnswer::Unknown; connections.len()]
        }
    }

    /// The program that listens on an address, where this system can tell.
    pub fn who_listens(_address: SocketAddr) -> Option<App> {
        None
    }
}
