//! Sockets that the service manager opened for us (`sd_listen_fds(3)`): LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES.
//!
//! Unsafe code is allowed in this module, for two calls only: taking over file descriptors by number, which is what the
//! protocol consists of, and removing the variables, so that no child takes them for its own.
#![cfg(unix)]
#![allow(unsafe_code)]

use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::AddressFamily;
use rustix::net::sockopt::{socket_acceptconn, socket_domain};

/// The first descriptor that is handed over.
const FIRST: RawFd = 3;
/// More sockets than this are an error, not a configuration.
const MOST: usize = 1024;

/// What a socket's name asks us to be on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActivatedKind {
    Mixed,
    Socks,
    Http,
    Pac,
}

/// A listening socket that was handed over.
#[derive(Debug)]
pub struct ActivatedSocket {
    /// Does not block.
    pub listener: TcpListener,
    pub address: SocketAddr,
    pub kind: ActivatedKind,
}

/// What was handed over is not what we can serve.
#[derive(Debug, thiserror::Error)]
pub enum ActivationError {
    #[error("LISTEN_FDS is \"{0}\": the service manager hands over between 0 and {MOST} sockets")]
    Count(String),
    #[error(
        "the socket unit names a socket \"{0}\": FileDescriptorName= takes mixed, socks, http or pac"
    )]
    Name(String),
    #[error(
        "descriptor {0} of the service manager is not a listening TCP socket: the socket unit needs ListenStream= with an address and Accept=no"
    )]
    NotListening(RawFd),
    #[error("descriptor {descriptor} of the service manager cannot be used: {source}")]
    Unusable {
        descriptor: RawFd,
        source: std::io::Error,
    },
}

/// Takes over the sockets that the service manager opened for this process; empty where it opened none, and at every
/// call but the first. To be called at the start of `main`, before other threads run and other files are opened.
///
/// # Errors
/// [`ActivationError`], with the mend.
pub fn take() -> Result<Vec<ActivatedSocket>, ActivationError> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::AcqRel) {
        return Ok(Vec::new());
    }
    let read = |name: &str| std::env::var(name).unwrap_or_default();
    let kinds = kinds(
        &read("LISTEN_PID"),
        &read("LISTEN_FDS"),
        &read("LISTEN_FDNAMES"),
        std::process::id(),
    )?;
    forget_variables();
    kinds
        .into_iter()
        .zip(FIRST..)
        .map(|(kind, descriptor)| adopt(descriptor, kind))
        .collect()
}

/// Removes the variables. Where other threads run already they stay: LISTEN_PID tells our children that they are not
/// meant.
fn forget_variables() {
    let alone = std::fs::read_dir("/proc/self/task").is_ok_and(|tasks| tasks.count() == 1);
    if !alone {
        return;
    }
    for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] {
        // SAFETY: this is the only thread, so no other reads the environment meanwhile.
        unsafe { std::env::remove_var(name) };
    }
}

/// What the variables say: the kind of each socket, in the order of their descriptors.
fn kinds(
    pid: &str,
    count: &str,
    names: &str,
    ours: u32,
) -> Result<Vec<ActivatedKind>, ActivationError> {
    if pid.parse() != Ok(ours) || count.is_empty() {
        return Ok(Vec::new());
    }
    let count: usize = count
        .parse()
        .ok()
        .filter(|count| *count <= MOST)
        .ok_or_else(|| ActivationError::Count(count.to_owned()))?;
    let mut names = names.split(':');
    (0..count)
        .map(|_| kind(names.next().unwrap_or("")))
        .collect()
}

/// Without a name of its own, a socket has its unit's, or "unknown".
fn kind(name: &str) -> Result<ActivatedKind, ActivationError> {
    match name {
        "" | "mixed" | "unknown" => Ok(ActivatedKind::Mixed),
        "socks" => Ok(ActivatedKind::Socks),
        "http" => Ok(ActivatedKind::Http),
        "pac" => Ok(ActivatedKind::Pac),
        unit if unit.ends_with(".socket") => Ok(ActivatedKind::Mixed),
        other => Err(ActivationError::Name(other.to_owned())),
    }
}

fn adopt(descriptor: RawFd, kind: ActivatedKind) -> Result<ActivatedSocket, ActivationError> {
    let unusable = |source: std::io::Error| ActivationError::Unusable { descriptor, source };
    // SAFETY: only borrowed for one call, which fails where the number is no open descriptor.
    let given = unsafe { BorrowedFd::borrow_raw(descriptor) };
    fcntl_setfd(given, FdFlags::CLOEXEC).map_err(|errno| unusable(errno.into()))?;
    // SAFETY: the call above shows that it is open, and the protocol, followed once, that it is ours alone.
    let owned = unsafe { OwnedFd::from_raw_fd(descriptor) };
    if !is_listening_tcp(owned.as_fd()) {
        return Err(ActivationError::NotListening(descriptor));
    }
    let listener = TcpListener::from(owned);
    listener.set_nonblocking(true).map_err(unusable)?;
    let address = listener.local_addr().map_err(unusable)?;
    Ok(ActivatedSocket {
        listener,
        address,
        kind,
    })
}

fn is_listening_tcp(socket: BorrowedFd<'_>) -> bool {
    let inet = matches!(
        socket_domain(socket),
        Ok(AddressFamily::INET | AddressFamily::INET6)
    );
    inet && socket_acceptconn(socket) == Ok(true)
}

#[cfg(test)]
mod tests {
    use std::os::fd::IntoRawFd;

    use super::*;

    #[test]
    fn variables_for_another_process_hand_nothing_over() {
        for (pid, count) in [("7", "1"), ("", "1"), ("x", "1"), ("8", "")] {
            assert!(kinds(pid, count, "", 8).is_ok_and(|kinds| kinds.is_empty()));
        }
    }

    #[test]
    fn names_map_to_what_we_are_on_the_socket() {
        let found = kinds("8", "6", "socks:http:pac:mixed:privet.socket", 8).expect("known names");
        let wanted = [
            ActivatedKind::Socks,
            ActivatedKind::Http,
            ActivatedKind::Pac,
            ActivatedKind::Mixed,
            ActivatedKind::Mixed,
            ActivatedKind::Mixed,
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn a_wrong_count_or_name_is_told() {
        for count in ["-1", "x", "1025", "99999999999999999999"] {
            let error = kinds("8", count, "", 8).expect_err("refused");
            assert!(matches!(error, ActivationError::Count(_)), "{count}");
        }
        let error = kinds("8", "1", "sock", 8).expect_err("refused");
        assert!(error.to_string().contains("\"sock\""));
    }

    #[test]
    fn a_listening_socket_is_adopted_and_another_file_is_not() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
        let address = listener.local_addr().expect("an address");
        let adopted = adopt(listener.into_raw_fd(), ActivatedKind::Socks).expect("adopted");
        assert_eq!(
            (adopted.address, adopted.kind),
            (address, ActivatedKind::Socks)
        );
        let blocked = adopted.listener.accept().expect_err("nobody came");
        assert_eq!(blocked.kind(), std::io::ErrorKind::WouldBlock);

        let file = tempfile::tempfile().expect("a file").into_raw_fd();
        assert!(matches!(
            adopt(file, ActivatedKind::Mixed),
            Err(ActivationError::NotListening(_))
        ));
        assert!(matches!(
            adopt(1_000_000, ActivatedKind::Mixed),
            Err(ActivationError::Unusable { .. })
        ));
    }
}
