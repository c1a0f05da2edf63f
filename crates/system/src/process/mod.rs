//! Which program is behind a connection from this machine, and which one listens on a port.
//!
//! On Linux the kernel names the client's socket (`sock_diag`) and /proc the process that has it open. On macOS and Windows
//! there is no lookup yet: [`SUPPORTED`] is false there, no connection has a program, and rules on `app` match nothing.

mod lookup_queue;
#[cfg(target_os = "linux")]
mod proc_fs;
#[cfg(target_os = "linux")]
mod proc_process;
mod process_lookup;
mod program_finder;
mod program_lookup;
mod search_budget;
#[cfg(target_os = "linux")]
mod sock_diag;
#[cfg(target_os = "linux")]
mod socket_owners;
#[cfg(target_os = "linux")]
mod used_descriptors;

use std::net::SocketAddr;

#[cfg(not(target_os = "linux"))]
pub use nowhere::{Processes, who_listens};
pub use process_lookup::{Connection, ProcessLookup, ProgramAnswer, SearchScope};
pub use program_finder::{ProgramFinder, SUPPORTED};
pub use program_lookup::{ProgramLookup, ProgramState};
#[cfg(target_os = "linux")]
pub use socket_owners::{Processes, who_listens};

/// Asks a process to end (SIGTERM).
///
/// # Errors
/// It has ended, or belongs to another user.
#[cfg(unix)]
pub fn terminate(pid: u32) -> std::io::Result<()> {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    let pid = pid.ok_or(std::io::ErrorKind::InvalidInput)?;
    Ok(rustix::process::kill_process(
        pid,
        rustix::process::Signal::TERM,
    )?)
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

#[cfg(not(target_os = "linux"))]
mod nowhere {
    use std::net::SocketAddr;

    use privet_policy::App;

    use super::{Connection, ProcessLookup, ProgramAnswer, SearchScope};

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
