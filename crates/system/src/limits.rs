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
