//! From a connection to its program on Linux: the kernel names the client's socket and its user, /proc the process that
//! has it open.

use std::collections::{HashSet, VecDeque};
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;

use hashbrown::HashMap;
use privet_policy::App;
use rustix::io::{self, Errno};

use super::proc_fs::{listeners_on, pids_newest_first};
use super::proc_process::Process;
use super::process_lookup::{Connection, ProcessLookup, ProgramAnswer, SearchScope};
use super::sock_diag::{ClientSocket, SockDiag};
use super::used_descriptors::UsedDescriptors;

/// Recent processes, searched first: most connections of a browser belong to one process.
const MAX_RECENT: usize = 8;

/// Finds the processes that have sockets open, and remembers recently found ones.
#[derive(Default)]
pub struct Processes {
    netlink: Option<SockDiag>,
    /// Most recent first.
    recent: VecDeque<RecentProcess>,
}

struct RecentProcess {
    process: Process,
    executable: Option<Vec<u8>>,
    program: Arc<App>,
    used: UsedDescriptors,
}

/// The sockets whose owners are searched, by inode. The kernel gives these numbers, and each socket of a process is looked up:
/// the maps need no hash that withstands chosen keys.
struct Search {
    open: HashMap<u32, (Connection, ClientSocket)>,
    found: HashMap<u32, Arc<App>>,
    /// Users of processes that may not be read.
    unreadable: HashSet<u32>,
}

impl ProcessLookup for Processes {
    fn programs_of(
        &mut self,
        connections: &[Connection],
        scope: SearchScope,
    ) -> Vec<ProgramAnswer> {
        let sockets = self.sockets_of(connections);
        let open = connections.iter().zip(&sockets);
        let mut search = Search {
            open: open
                .filter_map(|(connection, socket)| {
                    socket.map(|socket| (socket.inode, (*connection, socket)))
                })
                .collect(),
            found: HashMap::new(),
            unreadable: HashSet::new(),
        };
        self.search_recent(&mut search);
        if scope == SearchScope::AllProcesses {
            self.search_all(&mut search);
        }
        let answer = |socket: Option<ClientSocket>| match socket {
            None => ProgramAnswer::Unknown,
            Some(socket) => match search.found.get(&socket.inode) {
                Some(program) => ProgramAnswer::Found(program.clone()),
                None if scope == SearchScope::AllProcesses => search.unread(socket),
                None => ProgramAnswer::NotRecent,
            },
        };
        sockets.into_iter().map(answer).collect()
    }
}

impl Processes {
    pub fn new() -> Self {
        Self::default()
    }

    /// The client's socket of each connection, while the client has it open.
    fn sockets_of(&mut self, connections: &[Connection]) -> Vec<Option<ClientSocket>> {
        if self.netlink.is_none() {
            self.netlink = SockDiag::open().ok();
        }
        let found = self
            .netlink
            .as_mut()
            .and_then(|netlink| netlink.find(connections).ok());
        found.unwrap_or_else(|| {
            // The next look-up opens a new netlink socket.
            self.netlink = None;
            vec![None; connections.len()]
        })
    }

    fn search_recent(&mut self, search: &mut Search) {
        for reading in [Reading::Used, Reading::All] {
            let mut at = 0;
            while at < self.recent.len() && !search.open.is_empty() {
                let Some(mut recent) = self.recent.remove(at) else {
                    return;
                };
                match search.visit(&recent.process, &mut recent.used, reading) {
                    Visit::Nothing => {
                        self.recent.insert(at, recent);
                        at += 1;
                    }
                    Visit::Sockets(inodes) => {
                        if recent.refresh() {
                            search.assign(&inodes, &recent.program);
                            self.recent.push_front(recent);
                            at += 1;
                        }
                    }
                    Visit::Unreadable | Visit::Ended => {}
                }
            }
        }
    }

    /// Searches the processes of the sockets' users first, newest first: most new connections belong to
    /// recently started processes. Then processes that appear as root's, then the others, whose user may have changed.
    fn search_all(&mut self, search: &mut Search) {
        if search.open.is_empty() {
            return;
        }
        let mut others = Vec::new();
        for pid in pids_newest_first() {
            if self.is_recent(pid) {
                continue;
            }
            let Some(process) = Process::open(pid) else {
                continue;
            };
            match search.is_of_user(process.uid) {
                true => self.search_process(process, search),
                false => others.push(process),
            }
            if search.open.is_empty() {
                return;
            }
        }
        self.drop_closed(search);
        others.sort_by_key(|process| process.uid != 0);
        for process in others {
            if search.open.is_empty() {
                return;
            }
            self.search_process(process, search);
        }
    }

    fn search_process(&mut self, process: Process, search: &mut Search) {
        let mut used = UsedDescriptors::default();
        let inodes = match search.visit(&process, &mut used, Reading::All) {
            Visit::Sockets(inodes) => inodes,
            Visit::Unreadable => {
                search.unreadable.insert(process.uid);
                return;
            }
            Visit::Nothing | Visit::Ended => return,
        };
        let Some(program) = process.program().map(Arc::new) else {
            return;
        };
        search.assign(&inodes, &program);
        self.recent.push_front(RecentProcess {
            executable: process.executable(),
            process,
            program,
            used,
        });
        self.recent.truncate(MAX_RECENT);
    }

    /// Drops sockets that their programs closed meanwhile.
    fn drop_closed(&mut self, search: &mut Search) {
        let connections: Vec<Connection> = search
            .open
            .values()
            .map(|(connection, _)| *connection)
            .collect();
        let sockets = self.sockets_of(&connections);
        let is_open = |inode: &u32| {
            sockets
                .iter()
                .flatten()
                .any(|socket| socket.inode == *inode)
        };
        search.open.retain(|inode, _| is_open(inode));
    }

    fn is_recent(&self, pid: u32) -> bool {
        self.recent.iter().any(|recent| recent.process.pid == pid)
    }
}

impl RecentProcess {
    /// Reads its program again if it changed (execve keeps the process); `false`: it ended.
    fn refresh(&mut self) -> bool {
        let executable = self.process.executable();
        if executable == self.executable {
            return true;
        }
        let Some(program) = self.process.program() else {
            return false;
        };
        self.executable = executable;
        self.program = Arc::new(program);
        true
    }
}

/// Which descriptors of a process are read.
#[derive(Clone, Copy)]
enum Reading {
    /// Those that it used before. Reading all costs about as much as fifteen of them for the list alone.
    Used,
    All,
}

/// The searched sockets that a process has open.
enum Visit {
    Nothing,
    Sockets(Vec<u32>),
    /// It belongs to another user, or hides what it has open.
    Unreadable,
    Ended,
}

impl Search {
    fn visit(&self, process: &Process, used: &mut UsedDescriptors, reading: Reading) -> Visit {
        let mut inodes = Vec::new();
        let read = match reading {
            Reading::Used => self.read_used(process, used, &mut inodes),
            Reading::All => self.read_all(process, used, &mut inodes),
        };
        match read {
            Err(Errno::ACCESS | Errno::PERM) => Visit::Unreadable,
            Err(_) => Visit::Ended,
            Ok(()) if inodes.is_empty() => Visit::Nothing,
            Ok(()) => Visit::Sockets(inodes),
        }
    }

    fn read_used(
        &self,
        process: &Process,
        used: &mut UsedDescriptors,
        inodes: &mut Vec<u32>,
    ) -> io::Result<()> {
        for _ in 0..used.len() {
            let Some(descriptor) = used.next() else { break };
            if let Some(inode) = process.socket_at(descriptor)? {
                self.find(inode, inodes);
            }
            if self.are_all(inodes) {
                break;
            }
        }
        Ok(())
    }

    fn read_all(
        &self,
        process: &Process,
        used: &mut UsedDescriptors,
        inodes: &mut Vec<u32>,
    ) -> io::Result<()> {
        process.each_socket(|socket| {
            if self.find(socket.inode, inodes) {
                used.used(socket.descriptor);
            }
            match self.are_all(inodes) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        })
    }

    /// Adds a socket to those that were found, if it is searched.
    fn find(&self, inode: u32, inodes: &mut Vec<u32>) -> bool {
        let is_searched = self.open.contains_key(&inode) && !inodes.contains(&inode);
        if is_searched {
            inodes.push(inode);
        }
        is_searched
    }

    fn are_all(&self, inodes: &[u32]) -> bool {
        inodes.len() == self.open.len()
    }

    fn assign(&mut self, inodes: &[u32], program: &Arc<App>) {
        for inode in inodes {
            self.open.remove(inode);
            self.found.insert(*inode, program.clone());
        }
    }

    /// The answer for a socket that no process which may be read has open: definite, where it still stands and belongs to a
    /// user whose processes may not be read.
    fn unread(&self, socket: ClientSocket) -> ProgramAnswer {
        let hidden = |uid: u32| self.unreadable.contains(&uid);
        let own = rustix::process::geteuid().as_raw();
        // Processes of other users may be missing from /proc altogether (hidepid). Processes that hide their memory are root's.
        let may_be_hidden = hidden(socket.uid) || hidden(0) || (own != 0 && own != socket.uid);
        if !may_be_hidden || !self.open.contains_key(&socket.inode) {
            return ProgramAnswer::Unknown;
        }
        ProgramAnswer::Found(Arc::new(App {
            name: format!("unknown program of user {}", socket.uid).into(),
            path: None,
            pid: 0,
            user: Some(socket.uid),
        }))
    }

    fn is_of_user(&self, uid: u32) -> bool {
        self.open.values().any(|(_, socket)| socket.uid == uid)
    }
}

/// The program that occupies a listening address, if it can be determined.
pub fn who_listens(address: SocketAddr) -> Option<App> {
    let wanted = listeners_on(address);
    if wanted.is_empty() {
        return None;
    }
    pids_newest_first()
        .into_iter()
        .filter_map(Process::open)
        .find_map(|process| {
            let mut found = false;
            let _ = process.each_socket(|socket| {
                found = wanted.contains(&socket.inode);
                match found {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            });
            found.then(|| process.program()).flatten()
        })
}
