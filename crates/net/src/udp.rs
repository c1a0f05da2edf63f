//! Datagrams dialer: straight to their targets, or through a SOCKS5 upstream's own UDP association (RFC 1928, section 7).

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
use crate::{DialError, DialErrorKind, DialRequest, Dialer, OpenChain, Stream};

/// Sockets that send datagrams straight to their targets, one for each family, opened when first needed. One local port
/// serves all targets, as peer-to-peer programs expect of an association. Cannot be had without the policy's permit.
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

    /// Sends one datagram now or not at all: a full socket buffer is an error here and a lost packet to the client.
    ///
    /// # Errors
    /// The system's: no network of that family, too large, out of descriptors.
    pub fn send(&mut self, payload: &[u8], to: SocketAddr) -> io::Result<()> {
        let (socket, any) = match to {
            SocketAddr::V4(_) => (&mut self.v4, IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            SocketAddr::V6(_) => (&mut self.v6, IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
        };
        let socket = match socket {
            Some(socket) => socket,
            None => socket.insert(bind(SocketAddr::new(any, 0))?),
        };
        // Straight to the system call: a socket this young is not yet known to be writable.
        SockRef::from(&*socket).send_to(payload, &to.into())?;
        Ok(())
    }

    /// Receives one datagram from either family, and from whom. Whether they were spoken to, the caller judges.
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

/// A UDP association with a SOCKS5 upstream. It stands as long as its control connection; dropping it ends both.
pub struct UpstreamUdp {
    control: TcpStream,
    socket: UdpSocket,
    route: Arc<str>,
}

impl Dialer {
    /// Opens a UDP association with an outbound. There is no fall-back to going direct, whatever the mode.
    ///
    /// # Errors
    /// [`DialError`]: what failed; `Unsupported` where the last hop does not speak SOCKS5 or stands behind other hops:
    /// datagrams cannot pass through those, and past them they would show this machine's address.
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

    /// Where datagrams to a target go straight: its address, or those of its name as the mode resolves. No listener of
    /// ours takes datagrams, so there is no loop to look for.
    ///
    /// # Errors
    /// As [`Dialer::resolve`].
    pub async fn datagram_addresses(
        &self,
        permit: &DirectPermit,
        request: &DialRequest<'_>,
    ) -> Result<Vec<SocketAddr>, DialError> {
        let found = match &request.target.host {
            Host::Ip(ip) => vec![*ip],
            Host::Name(_) if !request.addresses.is_empty() => request.addresses.to_vec(),
            Host::Name(name) => self.resolve(permit, request.dns, name).await?,
        };
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
                let what = "stands behind other hops, which carry no datagrams";
                return Err(fail(DialErrorKind::Unsupported, what));
            }
            _ => {
                let what = "does not speak SOCKS5, and only that carries datagrams";
                return Err(fail(DialErrorKind::Unsupported, what));
            }
        };
        let talk = ask(&mut control);
        let reply = match timeout(HandshakeTimeouts::DEFAULT.reply, talk).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(reply::ReplyError::MalformedReply(_) | reply::ReplyError::TooLong)) => {
                return Err(fail(DialErrorKind::UpstreamProtocol, "answered nonsense"));
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

    /// The upstream's name in the connection log.
    pub fn route(&self) -> &Arc<str> {
        &self.route
    }

    /// Sends one datagram, `header` (RFC 1928, section 7) and `data`, now or not at all.
    ///
    /// # Errors
    /// The system's: no room, too large, the relay's port is closed.
    pub fn send(&self, header: &[u8], data: &[u8]) -> io::Result<()> {
        let parts = [IoSlice::new(header), IoSlice::new(data)];
        SockRef::from(&self.socket).send_vectored(&parts)?;
        Ok(())
    }

    /// Receives one datagram of the upstream's relay, header and data. Nobody else's reaches this socket.
    pub fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.socket.poll_recv(cx, buffer)
    }

    /// Ready once the upstream ended the association.
    pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut bytes = [0; 64];
        let mut read = ReadBuf::new(&mut bytes);
        match Pin::new(&mut self.control).poll_read(cx, &mut read) {
            Poll::Pending => Poll::Pending,
            // Words on a connection that has nothing to say: what they mean nobody knows, so it is over.
            Poll::Ready(_) => Poll::Ready(()),
        }
    }
}

async fn ask(control: &mut TcpStream) -> Result<socks5::Reply, reply::ReplyError> {
    // RFC 1928, section 4: all zeros from a client that does not know yet from where it will send.
    let nowhere = Target {
        host: Host::Ip(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        port: 0,
    };
    let request = socks5::request(socks5::Command::UdpAssociate, &nowhere).unwrap_or_default();
    let sent = control.write_all(&request).await;
    sent.map_err(reply::ReplyError::Io)?;
    let bound = 2 * socks5::MAX_REPLY;
    let (reply, _) = reply::read_reply(control, bound, socks5::parse_reply).await?;
    Ok(reply)
}

/// A socket that speaks to the upstream's relay and to nobody else. Of the address that the upstream announced only the
/// port is taken: behind NAT it names an address that leads nowhere, and a hostile one could name any machine.
fn relay_socket(control: &TcpStream, port: u16) -> io::Result<UdpSocket> {
    let upstream = SocketAddr::new(control.peer_addr()?.ip(), port);
    let socket = bind(SocketAddr::new(control.local_addr()?.ip(), 0))?;
    SockRef::from(&socket).connect(&upstream.into())?;
    Ok(socket)
}

/// A socket for datagrams, bound and in the runtime's care. An IPv6 one does not speak IPv4.
///
/// # Errors
/// The address is not this machine's, or descriptors or ports ran out.
pub fn bind(at: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(at), Type::DGRAM, Some(Protocol::UDP))?;
    if at.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&at.into())?;
    UdpSocket::from_std(socket.into())
}
