//! What is asked about connections, and the answers.

use std::net::SocketAddr;
use std::sync::Arc;

use privet_policy::App;

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

/// Finds programs behind connections. Blocks: see [`super::ProgramFinder`] for callers on a runtime.
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
