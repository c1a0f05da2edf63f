//! The limit of open files: each connection takes at least two.

/// The limit of open files before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenFiles {
    /// The limit at start.
    pub before: u64,
    /// The limit now; `u64::MAX` for none.
    pub now: u64,
}

/// Raises the soft limit of open files to the hard limit. Where the system refuses, the limit is unchanged.
#[cfg(unix)]
pub fn raise_open_files() -> OpenFiles {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let found = getrlimit(Resource::Nofile);
    let before = found.current.unwrap_or(u64::MAX);
    let raised = Rlimit {
        current: found.maximum,
        maximum: found.maximum,
    };
    let now = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => found.maximum.unwrap_or(u64::MAX),
        Err(_) => before,
    };
    OpenFiles { before, now }
}

/// Windows has no such limit for sockets.
#[cfg(not(unix))]
pub fn raise_open_files() -> OpenFiles {
    OpenFiles {
        before: u64::MAX,
        now: u64::MAX,
    }
}

/// How many files this process has open, and how many it may have; `None` where the system does not say.
#[cfg(target_os = "linux")]
pub fn open_files() -> Option<(usize, usize)> {
    use rustix::process::{Resource, getrlimit};
    let most = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    // One of them is the folder itself.
    let open = std::fs::read_dir("/proc/self/fd").ok()?.count();
    Some((
        open.saturating_sub(1),
        usize::try_from(most).unwrap_or(usize::MAX),
    ))
}

/// Only Linux is asked.
#[cfg(not(target_os = "linux"))]
pub fn open_files() -> Option<(usize, usize)> {
    None
}
