//! From a connection to its program on Linux: the kernel names the socket, /proc its owner. Programs that were found
//! lately are asked first: most of a browser's connections are one process's.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use privet_policy::App;

use super::proc_fs::{app, began, listeners_on, pids_newest_first, sockets_of};
use super::sock_diag::SockDiag;
use super::{Connection, ProcessLookup};

/// Programs that are asked first: each costs a look at all its open files.
const REMEMBERED: usize = 16;

/// The process table, as far as it was looked at.
#[derive(Default)]
pub struct Processes {
    line: Option<SockDiag>,
    /// The one found last is first.
    remembered: VecDeque<Known>,
}

struct Known {
    app: Arc<App>,
    began: u64,
}

impl ProcessLookup for Processes {
    fn apps_of(&mut self, connections: &[Connection]) -> Vec<Option<Arc<App>>> {
        let inodes: Vec<Option<u32>> = connections
            .iter()
            .map(|connection| self.inode_of(*connection))
            .collect();
        let wanted: HashMap<u32, Option<Arc<App>>> = inodes
            .iter()
            .flatten()
            .map(|inode| (*inode, None))
            .collect();
        let found = self.owners(wanted);
        inodes
            .into_iter()
            .map(|inode| found.get(&inode?).cloned().flatten())
            .collect()
    }
}

impl Processes {
    pub fn new() -> Self {
        Self::default()
    }

    /// The client's socket of a connection, while the client has it open.
    fn inode_of(&mut self, connection: Connection) -> Option<u32> {
        if self.line.is_none() {
            self.line = SockDiag::open().ok();
        }
        let found = self
            .line
            .as_mut()?
            .find(connection.client, connection.local);
        if found.is_err() {
            // Asked anew next time, on a line of its own.
            self.line = None;
        }
        found.ok().flatten()
    }

    /// Fills in the programs that have these sockets open.
    fn owners(
        &mut self,
        mut wanted: HashMap<u32, Option<Arc<App>>>,
    ) -> HashMap<u32, Option<Arc<App>>> {
        let mut open = wanted.len();
        let remembered: Vec<u32> = self.remembered.iter().map(|known| known.app.pid).collect();
        let others = (open > 0).then(pids_newest_first).unwrap_or_default();
        let others = others.into_iter().filter(|pid| !remembered.contains(pid));
        for pid in remembered.iter().copied().chain(others) {
            if open == 0 {
                break;
            }
            let mut mine = Vec::new();
            sockets_of(pid, |inode| {
                if matches!(wanted.get(&inode), Some(None)) && !mine.contains(&inode) {
                    mine.push(inode);
                }
                mine.len() == open
            });
            if mine.is_empty() {
                continue;
            }
            let app = self.program(pid);
            open -= mine.len();
            for inode in mine {
                wanted.insert(inode, app.clone());
            }
        }
        wanted
    }

    /// The program of a process: remembered, unless the number went to another process meanwhile.
    fn program(&mut self, pid: u32) -> Option<Arc<App>> {
        let began = began(pid)?;
        let place = self
            .remembered
            .iter()
            .position(|known| known.app.pid == pid);
        let known = place.and_then(|place| self.remembered.remove(place));
        let app = match known {
            Some(known) if known.began == began => known.app,
            _ => Arc::new(app(pid)?),
        };
        self.remembered.push_front(Known {
            app: app.clone(),
            began,
        });
        self.remembered.truncate(REMEMBERED);
        Some(app)
    }
}

/// The program that keeps others from listening on an address, where it may be known.
pub fn who_listens(address: SocketAddr) -> Option<App> {
    let wanted = listeners_on(address);
    if wanted.is_empty() {
        return None;
    }
    pids_newest_first().into_iter().find_map(|pid| {
        let mut found = false;
        sockets_of(pid, |inode| {
            found = wanted.contains(&inode);
            found
        });
        found.then(|| app(pid)).flatten()
    })
}
