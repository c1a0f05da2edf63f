//! Listening sockets: one per thread and address, kept over a reload if the address is unchanged.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use privet_config::{Config, SiteTls};
use serde::Serialize;
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio_util::sync::CancellationToken;

/// Connections that wait to be accepted, per thread.
pub(crate) const BACKLOG: i32 = 4096;

/// The protocols of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ListenerKind {
    /// SOCKS4, SOCKS4a, SOCKS5 and HTTP, distinguished by the first byte.
    Mixed,
    Socks,
    Http,
    /// HTTP over TLS.
    Https,
    /// The PAC file.
    Pac,
    /// Sites.
    Site,
}

/// A listener as status shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListenerState {
    pub kind: ListenerKind,
    /// The bound address; a configured port 0 is replaced by the actual one.
    pub address: SocketAddr,
}

/// Identifies a listener over reloads: kind and address as configured; the port may be 0.
pub(crate) type Name = (ListenerKind, SocketAddr);

/// A listener whose sockets accept.
pub(crate) struct Running {
    /// A reload may change it while the listener stays open.
    pub(crate) kind: Arc<ListenerKindCell>,
    pub(crate) address: SocketAddr,
    pub(crate) stop: CancellationToken,
    /// It was passed by the service manager: the configuration does not contain it, and a reload keeps it.
    pub(crate) adopted: bool,
}

/// All open listeners, by the configured address.
pub(crate) type Open = HashMap<SocketAddr, Running>;

/// The open listeners as status shows them.
pub(crate) fn states(open: &Open) -> Vec<ListenerState> {
    let state = |running: &Running| ListenerState {
        kind: running.kind.get(),
        address: running.address,
    };
    let mut all: Vec<_> = open.values().map(state).collect();
    all.sort_by_key(|listener| (listener.kind, listener.address));
    all
}

/// A [`ListenerKind`] that a reload may change under the threads that read it.
pub(crate) struct ListenerKindCell(AtomicU8);

impl ListenerKindCell {
    const ALL: [ListenerKind; 6] = [
        ListenerKind::Mixed,
        ListenerKind::Socks,
        ListenerKind::Http,
        ListenerKind::Https,
        ListenerKind::Pac,
        ListenerKind::Site,
    ];

    pub(crate) fn new(kind: ListenerKind) -> Self {
        Self(AtomicU8::new(kind as u8))
    }

    pub(crate) fn get(&self) -> ListenerKind {
        Self::ALL
            .get(usize::from(self.0.load(Ordering::Relaxed)))
            .copied()
            .unwrap_or(ListenerKind::Mixed)
    }

    pub(crate) fn set(&self, kind: ListenerKind) {
        self.0.store(kind as u8, Ordering::Relaxed);
    }
}

/// Bound sockets, one per thread, before accepting starts.
pub(crate) struct BoundListener {
    pub(crate) name: Name,
    pub(crate) address: SocketAddr,
    pub(crate) adopted: bool,
    pub(crate) sockets: Vec<TcpListener>,
}

impl BoundListener {
    pub(crate) fn bind(name: Name, shares: usize, port: PortUse) -> Result<Self, ListenError> {
        Self::of(name, bind(name, shares, port)?, false)
    }

    /// A socket passed by the service manager: it listens already. It gets the options of our own, which the service
    /// manager's copy shares.
    pub(crate) fn adopt(kind: ListenerKind, socket: TcpListener) -> Result<Self, ListenError> {
        let address = socket.local_addr().map_err(|source| ListenError {
            kind,
            address: ([0, 0, 0, 0], 0).into(),
            source,
        })?;
        let socket = Socket::from(socket);
        set_options(&socket)
            .and_then(|()| socket.listen(BACKLOG))
            .map_err(|source| ListenError {
                kind,
                address,
                source,
            })?;
        let socket = TcpListener::from(socket);
        Self::of((kind, address), vec![socket], true)
    }

    fn of(name: Name, sockets: Vec<TcpListener>, adopted: bool) -> Result<Self, ListenError> {
        let address = sockets.first().map(TcpListener::local_addr).transpose();
        let address = address
            .map_err(|source| ListenError {
                kind: name.0,
                address: name.1,
                source,
            })?
            .unwrap_or(name.1);
        Ok(Self {
            name,
            address,
            adopted,
            sockets,
        })
    }
}

impl BoundListener {
    pub(crate) fn state(&self) -> ListenerState {
        ListenerState {
            kind: self.name.0,
            address: self.address,
        }
    }
}

/// A listener could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct ListenError {
    pub kind: ListenerKind,
    pub address: SocketAddr,
    #[source]
    pub source: io::Error,
}

/// The configured listeners to open. Sockets passed by the service manager replace all configured listeners of their
/// kind.
pub(crate) fn beside(wanted: Vec<Name>, adopted: &[ListenerKind]) -> Vec<Name> {
    wanted
        .into_iter()
        .filter(|name| !adopted.contains(&name.0))
        .collect()
}

/// A client that vanished is noticed after two minutes rather than at the idle timeout.
const KEEPALIVE: TcpKeepalive = TcpKeepalive::new().with_time(Duration::from_secs(60));

/// The configured listeners, in the order of the configuration.
pub(crate) fn wanted(config: &Config) -> Vec<Name> {
    let listen = &config.listen;
    let of = |kind, addresses: &[SocketAddr]| {
        addresses.iter().map(|a| (kind, *a)).collect::<Vec<Name>>()
    };
    let mut all = of(ListenerKind::Mixed, &listen.mixed);
    all.extend(of(ListenerKind::Socks, &listen.socks));
    all.extend(of(ListenerKind::Http, &listen.http));
    all.extend(of(ListenerKind::Https, &listen.https));
    all.extend(listen.pac.map(|address| (ListenerKind::Pac, address)));
    // ACME is not served yet, and its sites least of all without TLS.
    let sites = config.sites.iter();
    let sites = sites.filter(|site| !matches!(site.tls, Some(SiteTls::Acme { .. })));
    for address in sites.flat_map(|site| &site.listen) {
        let name = (ListenerKind::Site, *address);
        // Sites may share an address.
        if !all.contains(&name) {
            all.push(name);
        }
    }
    all
}

/// Who uses a port that is about to be bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PortUse {
    /// Nobody, or it is an error.
    Free,
    /// A listener of ours that a reload replaces: `127.0.0.1:P` by `0.0.0.0:P`.
    Ours,
}

impl PortUse {
    /// As seen from `address`, beside the listeners that are open.
    pub(crate) fn of(address: SocketAddr, open: &Open) -> Self {
        let overlaps = |running: &Running| {
            let other = running.address;
            let any = other.ip().is_unspecified() || address.ip().is_unspecified();
            other.port() == address.port() && other.is_ipv4() == address.is_ipv4() && any
        };
        match open.values().any(overlaps) {
            true => Self::Ours,
            false => Self::Free,
        }
    }
}

/// Binds one address `shares` times. The first socket is bound without SO_REUSEPORT, so that a port in use is an error, unless it
/// is in use by a listener of ours; the others share it, and the kernel spreads connections over them.
///
/// # Errors
/// The system's, with the address: in use, not of this machine, not permitted.
pub(crate) fn bind(
    (kind, address): Name,
    shares: usize,
    port: PortUse,
) -> Result<Vec<TcpListener>, ListenError> {
    let fail = |source| ListenError {
        kind,
        address,
        source,
    };
    let first = socket(address).map_err(fail)?;
    if port == PortUse::Ours {
        set_reuse_port(&first).map_err(fail)?;
    }
    first.bind(&address.into()).map_err(fail)?;
    let mut sockets = vec![first];
    if cfg!(target_os = "linux") {
        let bound = local(&sockets).map_err(fail)?;
        // Also where it is the only one, so that a reload can bind the port beside it.
        share(&sockets).map_err(fail)?;
        for _ in 1..shares {
            let next = socket(address).map_err(fail)?;
            set_reuse_port(&next).map_err(fail)?;
            next.bind(&bound.into()).map_err(fail)?;
            sockets.push(next);
        }
    }
    for socket in &sockets {
        socket.listen(BACKLOG).map_err(fail)?;
    }
    Ok(sockets.into_iter().map(TcpListener::from).collect())
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        // [::] and 0.0.0.0 are two listeners, as configured.
        socket.set_only_v6(true)?;
    }
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    set_options(&socket)?;
    Ok(socket)
}

fn set_options(socket: &Socket) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    // Accepted sockets inherit both options on Linux, which saves two system calls per connection: no delay of small
    // messages, and keep-alive probes that detect a vanished peer.
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&KEEPALIVE)
}

fn local(sockets: &[Socket]) -> io::Result<SocketAddr> {
    sockets
        .first()
        .and_then(|socket| socket.local_addr().ok()?.as_socket())
        .ok_or_else(|| io::Error::other("the socket has no address"))
}

fn share(sockets: &[Socket]) -> io::Result<()> {
    sockets.iter().try_for_each(set_reuse_port)
}

#[cfg(unix)]
fn set_reuse_port(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_port(true)
}

#[cfg(not(unix))]
fn set_reuse_port(_: &Socket) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mixed(address: SocketAddr) -> Name {
        (ListenerKind::Mixed, address)
    }

    #[test]
    fn a_port_in_use_is_refused_even_with_reuse_port() {
        let held = bind(mixed("127.0.0.1:0".parse().unwrap()), 2, PortUse::Free).unwrap();
        let address = held[0].local_addr().unwrap();
        let error = bind(mixed(address), 2, PortUse::Free).unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::AddrInUse);
        assert_eq!(error.address, address);
    }

    #[test]
    fn all_sockets_of_a_listener_have_the_same_port() {
        let shares = bind(mixed("127.0.0.1:0".parse().unwrap()), 3, PortUse::Free).unwrap();
        let ports: Vec<u16> = shares
            .iter()
            .map(|l| l.local_addr().unwrap().port())
            .collect();
        assert!(ports.iter().all(|port| *port == ports[0] && *port != 0));
    }
}
