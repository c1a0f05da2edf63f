//! Listening sockets passed by the service manager (`sd_listen_fds(3)`): LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES.
#![cfg(unix)]

use std::net::{SocketAddr, TcpListener};
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, Ordering};

use listenfd::ListenFd;
use rustix::net::sockopt::socket_acceptconn;

/// The first passed descriptor.
const FIRST_DESCRIPTOR: RawFd = 3;
/// Maximum of sockets; more are refused as an error.
const MAX_SOCKETS: usize = 1024;

/// The protocol to serve on a socket, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActivatedKind {
    Mixed,
    Socks,
    Http,
    Pac,
}

/// A listening socket passed by the service manager.
#[derive(Debug)]
pub struct ActivatedSocket {
    /// Non-blocking.
    pub listener: TcpListener,
    pub address: SocketAddr,
    pub kind: ActivatedKind,
}

/// The passed sockets cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ActivationError {
    #[error(
        "LISTEN_FDS is \"{0}\": the service manager passes between 0 and {MAX_SOCKETS} sockets"
    )]
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

/// Takes over the sockets that the service manager passed to this process, and removes LISTEN_PID and LISTEN_FDS from the
/// environment. Empty where there are none, and at every call but the first. Call it at the start of `main`, before other
/// threads run.
///
/// # Errors
/// A socket cannot be served; the error says what to change in the socket unit.
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
    if kinds.is_empty() {
        return Ok(Vec::new());
    }
    // `listenfd` takes LISTEN_FDS without LISTEN_PID for its own; `kinds` has checked that both are meant for us.
    let mut passed = ListenFd::from_env();
    kinds
        .into_iter()
        .enumerate()
        .map(|(index, kind)| adopt(&mut passed, index, kind))
        .collect()
}

/// The kind of each socket, in the order of the descriptors.
fn kinds(
    pid: &str,
    count: &str,
    names: &str,
    own_pid: u32,
) -> Result<Vec<ActivatedKind>, ActivationError> {
    if pid.parse() != Ok(own_pid) || count.is_empty() {
        return Ok(Vec::new());
    }
    let count: usize = count
        .parse()
        .ok()
        .filter(|count| *count <= MAX_SOCKETS)
        .ok_or_else(|| ActivationError::Count(count.to_owned()))?;
    let mut names = names.split(':');
    (0..count)
        .map(|_| kind(names.next().unwrap_or("")))
        .collect()
}

/// An unnamed socket has the name of its unit, or "unknown".
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

fn adopt(
    passed: &mut ListenFd,
    index: usize,
    kind: ActivatedKind,
) -> Result<ActivatedSocket, ActivationError> {
    let descriptor = FIRST_DESCRIPTOR.saturating_add(RawFd::try_from(index).unwrap_or(RawFd::MAX));
    match passed.take_tcp_listener(index) {
        Ok(Some(listener)) => prepare(listener, descriptor, kind),
        Ok(None) | Err(_) => Err(ActivationError::NotListening(descriptor)),
    }
}

fn prepare(
    listener: TcpListener,
    descriptor: RawFd,
    kind: ActivatedKind,
) -> Result<ActivatedSocket, ActivationError> {
    let unusable = |source: std::io::Error| ActivationError::Unusable { descriptor, source };
    if socket_acceptconn(&listener) != Ok(true) {
        return Err(ActivationError::NotListening(descriptor));
    }
    listener.set_nonblocking(true).map_err(unusable)?;
    let address = listener.local_addr().map_err(unusable)?;
    Ok(ActivatedSocket {
        listener,
        address,
        kind,
    })
}

#[cfg(test)]
mod tests {
    use rustix::net::{AddressFamily, SocketType, bind, socket};

    use super::*;

    #[test]
    fn variables_for_another_process_pass_nothing() {
        for (pid, count) in [("7", "1"), ("", "1"), ("x", "1"), ("8", "")] {
            assert!(kinds(pid, count, "", 8).is_ok_and(|kinds| kinds.is_empty()));
        }
    }

    #[test]
    fn names_map_to_the_protocol_of_the_socket() {
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
    fn a_wrong_count_or_name_is_an_error() {
        for count in ["-1", "x", "1025", "99999999999999999999"] {
            let error = kinds("8", count, "", 8).expect_err("refused");
            assert!(matches!(error, ActivationError::Count(_)), "{count}");
        }
        let error = kinds("8", "1", "sock", 8).expect_err("refused");
        assert!(error.to_string().contains("\"sock\""));
    }

    #[test]
    fn a_listening_socket_is_adopted_and_another_is_not() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
        let address = listener.local_addr().expect("an address");
        let adopted = prepare(listener, 3, ActivatedKind::Socks).expect("adopted");
        assert_eq!(
            (adopted.address, adopted.kind),
            (address, ActivatedKind::Socks)
        );
        let blocked = adopted.listener.accept().expect_err("nobody came");
        assert_eq!(blocked.kind(), std::io::ErrorKind::WouldBlock);

        let bound = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
        let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
        bind(&bound, &any).expect("bound");
        assert!(matches!(
            prepare(TcpListener::from(bound), 3, ActivatedKind::Mixed),
            Err(ActivationError::NotListening(3))
        ));
        assert!(matches!(
            adopt(&mut ListenFd::empty(), 0, ActivatedKind::Mixed),
            Err(ActivationError::NotListening(3))
        ));
    }
}
