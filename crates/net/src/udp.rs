//! Sends datagrams: directly to their targets, or through a SOCKS5 upstream's UDP association (RFC 1928, section 7).

use std::io::{self, IoSlice};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use privet_config::Scheme;
use privet_policy::{DirectPermit, Host, Route, Target};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use crate::hop::{HandshakeTimeouts, reply, socks5};
use crate::{AddressUse, DialError, DialErrorKind, DialRequest, Dialer, OpenChain, Stream};

/// Sockets for direct datagrams, one per address family, opened when first needed. One local port serves all targets,
/// as peer-to-peer programs expect of an association. Needs the policy's permit.
pub struct DirectUdp {
    v4: Option<UdpSocket>,
    v6: Option<UdpSocket>,
    v6_first: bool,
}

impl DirectUdp {
    pub fn new(_permit: &DirectPermit) -> Self {
        Self {
            v4: None,
            v6: None,
            v6_first: false,
        }
    }

    /// Sends one datagram without waiting. A full socket buffer is an error here, and a lost packet for the client.
    ///
    /// # Errors
    /// The system's: no network of that family, too large, out of file descriptors.
    pub fn send(&mut self, payload: &[u8], to: SocketAddr) -> io::Result<()> {
        let (socket, any) = match to {
            SocketAddr::V4(_) => (&mut self.v4, IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            SocketAddr::V6(_) => (&mut self.v6, IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
        };
        let socket = match socket {
            Some(socket) => socket,
            None => socket.insert(bind(SocketAddr::new(any, 0))?),
        };
        // By the system call: tokio does not know yet that a new socket is writable.
        SockRef::from(&*socket).send_to(payload, &to.into())?;
        Ok(())
    }

    /// Receives one datagram from either family. Returns the sender; the caller checks whether it is expected.
    pub fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<SocketAddr>> {
        self.v6_first = !self.v6_first;
        let order = match self.v6_first {
            true => [&self.v6, &self.v4],
            false => [&self.v4, &self.v6],
        };
        for socket in order.into_iter().flatten() {
            if let Poll::Ready(received) = socket.poll_recv_from(cx, buffer) {
                return Poll::Ready(received);
            }
        }
        Poll::Pending
    }
}

/// A UDP association with a SOCKS5 upstream. It lasts as long as its control connection; dropping it closes both.
pub struct UpstreamUdp {
    control: TcpStream,
    socket: UdpSocket,
    route: Arc<str>,
}

impl Dialer {
    /// Opens a UDP association with an upstream or group. It never falls back to a direct route.
    ///
    /// # Errors
    /// What failed. `Unsupported` where the last hop does not speak SOCKS5 or is behind other hops: datagrams cannot
    /// pass through those, and bypassing them would expose this machine's address.
    pub async fn associate(
        &self,
        route: &Route,
        request: &DialRequest<'_>,
    ) -> Result<UpstreamUdp, DialError> {
        let Route::Via { outbound, .. } = route else {
            let text = format!("{} goes direct, not through an upstream", request.target);
            return Err(DialError::here(DialErrorKind::Unsupported, text));
        };
        let chain = self.open_chain(*outbound, request).await?;
        UpstreamUdp::open(chain).await
    }

    /// The addresses for direct datagrams to a target: its own, or those its name resolves to. Listeners take no
    /// datagrams, so there is no loop to check for.
    ///
    /// # Errors
    /// As [`Dialer::resolve`], `Forbidden`, and `OwnNetwork` where the permit leaves out one of them.
    pub async fn datagram_addresses(
        &self,
        permit: &DirectPermit,
        request: &DialRequest<'_>,
    ) -> Result<Vec<SocketAddr>, DialError> {
        let found = match &request.target.host {
            Host::Ip(ip) => vec![*ip],
            Host::Name(_) if !request.addresses.is_empty() => request.addresses.to_vec(),
            Host::Name(name) => {
                let purpose = AddressUse::Direct;
                let found = self.resolve_judged(permit, request, name, purpose).await?;
                found.to_vec()
            }
        };
        self.check_permit(permit, request.target, &found)?;
        let port = request.target.port;
        let at = |ip: IpAddr| SocketAddr::new(ip.to_canonical(), port);
        Ok(found.into_iter().map(at).collect())
    }
}

impl UpstreamUdp {
    async fn open(chain: OpenChain) -> Result<Self, DialError> {
        let route = chain.route.clone();
        let fail = |kind, what: &str| {
            DialError::at(&route, kind, format!("upstream {route} {what} (for UDP)"))
        };
        let mut control = match (chain.last, chain.hops, chain.stream) {
            (Scheme::Socks5, 1, Stream::Tcp(control)) => control,
            (Scheme::Socks5, _, _) => {
                let what = "is behind other hops, which relay no datagrams";
                return Err(fail(DialErrorKind::Unsupported, what));
            }
            _ => {
                let what = "does not speak SOCKS5, and only that relays datagrams";
                return Err(fail(DialErrorKind::Unsupported, what));
            }
        };
        let talk = open_association(&mut control);
        let reply = match timeout(HandshakeTimeouts::DEFAULT.reply, talk).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(reply::ReplyError::MalformedReply(_) | reply::ReplyError::TooLong)) => {
                return Err(fail(
                    DialErrorKind::UpstreamProtocol,
                    "sent a malformed reply",
                ));
            }
            Ok(Err(_)) => return Err(fail(DialErrorKind::UpstreamDown, "closed the connection")),
            Err(_) => return Err(fail(DialErrorKind::TimedOut, "did not answer in time")),
        };
        if let Some((kind, what)) = socks5::refusal(reply.code) {
            return Err(fail(kind, what));
        }
        let port = match reply.bound {
            socks5::BoundAddress::Address(address) => address.port(),
            socks5::BoundAddress::Name(port) => port,
        };
        let socket = relay_socket(&control, port).map_err(|error| {
            let what = format!("has a UDP relay that cannot be reached: {error}");
            fail(DialErrorKind::UpstreamDown, &what)
        })?;
        Ok(Self {
            control,
            socket,
            route: chain.route,
        })
    }

    /// The upstream's name, for the connection log.
    pub fn route(&self) -> &Arc<str> {
        &self.route
    }

    /// Sends one datagram, `header` (RFC 1928, section 7) and `data`, without waiting.
    ///
    /// # Errors
    /// The system's: buffer full, too large, the relay's port is closed.
    pub fn send(&self, header: &[u8], data: &[u8]) -> io::Result<()> {
        let parts = [IoSlice::new(header), IoSlice::new(data)];
        SockRef::from(&self.socket).send_vectored(&parts)?;
        Ok(())
    }

    /// Receives one datagram of the upstream's relay, with its header. The socket is connected, so nobody else's
    /// arrives.
    pub fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.socket.poll_recv(cx, buffer)
    }

    /// Ready once the upstream closed the association.
    pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut bytes = [0; 64];
        let mut read = ReadBuf::new(&mut bytes);
        match Pin::new(&mut self.control).poll_read(cx, &mut read) {
            Poll::Pending => Poll::Pending,
            // Data on the control connection has no meaning: the association is over.
            Poll::Ready(_) => Poll::Ready(()),
        }
    }
}

async fn open_association(control: &mut TcpStream) -> Result<socks5::Reply, reply::ReplyError> {
    // RFC 1928, section 4: all zeros, since the source address is not known yet.
    let unspecified = Target {
        host: Host::Ip(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        port: 0,
    };
    let request = socks5::request(socks5::Command::UdpAssociate, &unspecified).unwrap_or_default();
    let sent = control.write_all(&request).await;
    sent.map_err(reply::ReplyError::Io)?;
    let bound = 2 * socks5::MAX_REPLY;
    let (reply, _) = reply::read_reply(control, bound, socks5::parse_reply).await?;
    Ok(reply)
}

/// A socket connected to the upstream's relay. Only the port of the announced address is used: behind NAT the address
/// is unreachable, and a hostile upstream could name any machine.
fn relay_socket(control: &TcpStream, port: u16) -> io::Result<UdpSocket> {
    let upstream = SocketAddr::new(control.peer_addr()?.ip(), port);
    let socket = bind(SocketAddr::new(control.local_addr()?.ip(), 0))?;
    SockRef::from(&socket).connect(&upstream.into())?;
    Ok(socket)
}

/// Whether no file descriptor is left for a further socket.
pub fn lacks_descriptor() -> bool {
    let probe = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP));
    probe.is_err_and(|error| crate::is_exhausted(&error))
}

/// A bound UDP socket. An IPv6 one takes no IPv4.
///
/// # Errors
/// The address is not the machine's, or file descriptors or ports ran out.
pub fn bind(at: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(at), Type::DGRAM, Some(Protocol::UDP))?;
    if at.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&at.into())?;
    UdpSocket::from_std(socket.into())
}
