//! BIND (RFC 1928, section 4): waits for one incoming connection, on a local socket or on an upstream's.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use privet_config::Scheme;
use privet_policy::{DirectPermit, Host, Route, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::timeout;

use crate::hop::reply::MalformedReply;
use crate::hop::{HandshakeTimeouts, socks4, socks5};
use crate::is_exhausted;
use crate::{
    AddressUse, Connected, DialError, DialErrorKind, DialRequest, DialTimings, Dialer, OpenChain,
    Stream,
};

/// How long the expected peer may take to connect. The RFC sets no limit; FTP servers connect within seconds.
pub const ACCEPT_TIMEOUT: Duration = Duration::from_secs(120);
/// Connections from other peers arrive here too; they are closed at once.
const BACKLOG: u32 = 16;
/// How often a peer's connection is tried again where no file descriptor was left for it.
const ROOM_ATTEMPTS: u32 = 3;
/// The most unread bytes that are kept behind an upstream's reply.
const MAX_HELD: usize = 2 * socks5::MAX_REPLY;

/// The listening side of a BIND. Dropping it stops listening.
pub enum BindListener {
    Local(LocalBind),
    Upstream(UpstreamBind),
}

/// A listening socket of this machine.
pub struct LocalBind {
    listener: TcpListener,
    address: SocketAddr,
    /// The addresses that may connect. Empty: any, since the client named no peer.
    expected: Vec<IpAddr>,
}

/// A BIND that an upstream accepted.
pub struct UpstreamBind {
    chain: OpenChain,
    held: BytesMut,
    address: SocketAddr,
    target: String,
}

impl Dialer {
    /// Opens the listening side of a BIND by a route. `near` is the local address that the client connected to, and
    /// `request.target` the peer that it expects. Where the route names an upstream, only the upstream listens.
    ///
    /// # Errors
    /// What failed: the socket, the name, or the upstream. `Unsupported` where the upstream is an HTTP proxy.
    pub async fn bind(
        &self,
        route: &Route,
        request: &DialRequest<'_>,
        near: IpAddr,
    ) -> Result<BindListener, DialError> {
        match route {
            Route::Direct(permit) => {
                let expected = self.expected(permit, request).await?;
                Ok(BindListener::Local(LocalBind::open(
                    permit, near, expected,
                )?))
            }
            Route::Via { outbound, .. } => {
                let chain = self.open_chain(*outbound, request).await?;
                let bound = UpstreamBind::open(chain, request.target).await?;
                Ok(BindListener::Upstream(bound))
            }
        }
    }

    async fn expected(
        &self,
        permit: &DirectPermit,
        request: &DialRequest<'_>,
    ) -> Result<Vec<IpAddr>, DialError> {
        let expected = match &request.target.host {
            Host::Ip(ip) if ip.is_unspecified() => Vec::new(),
            Host::Ip(ip) => vec![ip.to_canonical()],
            Host::Name(_) if !request.addresses.is_empty() => request.addresses.to_vec(),
            Host::Name(name) => {
                let purpose = AddressUse::Direct;
                let found = self.resolve_judged(permit, request, name, purpose).await?;
                found.to_vec()
            }
        };
        self.check_permit(permit, request.target, &expected)?;
        Ok(expected)
    }
}

impl BindListener {
    /// The address that the peer has to connect to.
    pub fn address(&self) -> SocketAddr {
        match self {
            Self::Local(bind) => bind.address,
            Self::Upstream(bind) => bind.address,
        }
    }

    /// Waits for the peer, without a limit of its own (see [`ACCEPT_TIMEOUT`]). Returns the connection and the peer's
    /// address. `make_room` frees file descriptors where none is left for the peer's connection.
    ///
    /// # Errors
    /// The socket failed, or the upstream gave up.
    pub async fn accept<F>(
        self,
        make_room: impl Fn() -> F,
    ) -> Result<(Connected, SocketAddr), DialError>
    where
        F: Future<Output = bool>,
    {
        match self {
            Self::Local(bind) => bind.accept(make_room).await,
            Self::Upstream(bind) => bind.accept().await,
        }
    }
}

impl LocalBind {
    /// Listens on a free port of one address: the one that this machine would use to reach the expected peer. That is
    /// `near` where the peer is reachable from it.
    ///
    /// # Errors
    /// `Exhausted`: out of file descriptors or ports.
    pub fn open(
        _permit: &DirectPermit,
        near: IpAddr,
        expected: Vec<IpAddr>,
    ) -> Result<Self, DialError> {
        let at = SocketAddr::new(address_towards(near.to_canonical(), &expected), 0);
        let open = || {
            let socket = match at {
                SocketAddr::V4(_) => TcpSocket::new_v4()?,
                SocketAddr::V6(_) => TcpSocket::new_v6()?,
            };
            socket.bind(at)?;
            let listener = socket.listen(BACKLOG)?;
            let address = listener.local_addr()?;
            io::Result::Ok((listener, address))
        };
        let (listener, address) = open().map_err(|error| {
            let text = format!("cannot listen on {at} for the peer: {error}");
            DialError::here(DialErrorKind::Exhausted, text)
        })?;
        Ok(Self {
            listener,
            address,
            expected,
        })
    }

    async fn accept<F>(
        self,
        make_room: impl Fn() -> F,
    ) -> Result<(Connected, SocketAddr), DialError>
    where
        F: Future<Output = bool>,
    {
        let mut attempts = 0;
        loop {
            let (stream, peer) = match self.listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) if attempts < ROOM_ATTEMPTS && is_exhausted(&error) => {
                    attempts += 1;
                    make_room().await;
                    continue;
                }
                // The connection was aborted before it was accepted; another one may come.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(error) => {
                    let text = format!("cannot take the peer's connection: {error}");
                    return Err(DialError::here(DialErrorKind::Exhausted, text));
                }
            };
            let ip = peer.ip().to_canonical();
            if !self.expected.is_empty() && !self.expected.contains(&ip) {
                tracing::debug!(%peer, "closed: another peer is expected");
                continue;
            }
            // It fails only on a socket that is closed, and then the relay reports that.
            let _ = stream.set_nodelay(true);
            let connected = Connected {
                local: Some(self.address),
                remote: Some(peer),
                stream: Stream::Tcp(stream),
                preread: Bytes::new(),
                route: Arc::from("direct"),
                timings: DialTimings::default(),
                absolute_form: None,
                alpn: None,
            };
            return Ok((connected, peer));
        }
    }
}

/// The local address that the peer can reach. Connecting a UDP socket sends nothing; it only looks up the route.
fn address_towards(near: IpAddr, expected: &[IpAddr]) -> IpAddr {
    let Some(peer) = expected.first() else {
        return near;
    };
    if peer.is_loopback() && near.is_loopback() && peer.is_ipv4() == near.is_ipv4() {
        return near;
    }
    let any: IpAddr = match peer {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let local_address = || {
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect((*peer, 9))?;
        io::Result::Ok(socket.local_addr()?.ip())
    };
    local_address().unwrap_or(near)
}

impl UpstreamBind {
    /// Asks the last hop to listen.
    ///
    /// # Errors
    /// The hop's refusal. `Unsupported` where it is an HTTP proxy, or speaks SOCKS4 and the peer is not an IPv4
    /// address.
    async fn open(chain: OpenChain, target: &Target) -> Result<Self, DialError> {
        let unspecified = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let mut bind = Self {
            chain,
            held: BytesMut::new(),
            address: unspecified,
            target: target.to_string(),
        };
        let message = bind.request(target)?;
        let sending = async {
            bind.chain.stream.write_all(&message).await?;
            bind.chain.stream.flush().await
        };
        if !matches!(
            timeout(HandshakeTimeouts::DEFAULT.step, sending).await,
            Ok(Ok(()))
        ) {
            return Err(bind.error(DialErrorKind::UpstreamDown, "broke the connection"));
        }
        let address = match timeout(HandshakeTimeouts::DEFAULT.reply, bind.reply()).await {
            Ok(reply) => reply?,
            Err(_) => return Err(bind.error(DialErrorKind::TimedOut, "did not answer in time")),
        };
        bind.address = bind.with_known_host(address);
        Ok(bind)
    }

    /// Waits for the second reply. What follows it comes from the peer.
    async fn accept(mut self) -> Result<(Connected, SocketAddr), DialError> {
        let peer = self.reply().await?;
        let connected = Connected {
            stream: self.chain.stream,
            preread: self.held.freeze(),
            local: self.chain.local,
            remote: Some(peer).filter(|peer| !peer.ip().is_unspecified()),
            route: self.chain.route,
            timings: self.chain.timings,
            absolute_form: None,
            alpn: None,
        };
        Ok((connected, peer))
    }

    fn request(&self, target: &Target) -> Result<Vec<u8>, DialError> {
        let cannot = |what| self.error(DialErrorKind::Unsupported, what);
        match (self.chain.last, &target.host) {
            (Scheme::Socks5, _) => socks5::request(socks5::Command::Bind, target)
                .map(|message| message.to_vec())
                .ok_or_else(|| cannot("cannot carry so long a name")),
            (Scheme::Socks4 | Scheme::Socks4a, Host::Ip(IpAddr::V4(ip))) => {
                let [high, low] = target.port.to_be_bytes();
                let [a, b, c, d] = ip.octets();
                Ok(vec![4, 2, high, low, a, b, c, d, 0])
            }
            (Scheme::Socks4 | Scheme::Socks4a, _) => {
                Err(cannot("can listen for a peer with an IPv4 address only"))
            }
            (Scheme::Http | Scheme::Https, _) => {
                Err(cannot("is an HTTP proxy, which cannot listen for a peer"))
            }
        }
    }

    /// Reads one reply of the hop. Bytes behind it stay in `held`.
    async fn reply(&mut self) -> Result<SocketAddr, DialError> {
        loop {
            let parsed = match self.chain.last {
                Scheme::Socks5 => parse_v5(&self.held),
                _ => parse_v4(&self.held),
            };
            match parsed {
                Ok(Some((Ok(address), taken))) => {
                    self.held.advance(taken);
                    return Ok(address);
                }
                Ok(Some((Err((kind, what)), _))) => return Err(self.error(kind, what)),
                Err(MalformedReply(what)) => {
                    return Err(self.error(DialErrorKind::UpstreamProtocol, what));
                }
                Ok(None) if self.held.len() >= MAX_HELD => {
                    let what = "answered with more than a reply may hold";
                    return Err(self.error(DialErrorKind::UpstreamProtocol, what));
                }
                Ok(None) => {}
            }
            if !matches!(self.chain.stream.read_buf(&mut self.held).await, Ok(1..)) {
                return Err(self.error(DialErrorKind::UpstreamDown, "closed the connection"));
            }
        }
    }

    /// Replaces an unspecified address (0.0.0.0, ::) in a reply by the upstream's own, where that is known.
    fn with_known_host(&self, address: SocketAddr) -> SocketAddr {
        match &self.chain.stream {
            Stream::Tcp(stream) if self.chain.hops == 1 && address.ip().is_unspecified() => {
                stream.peer_addr().map_or(address, |upstream| {
                    SocketAddr::new(upstream.ip(), address.port())
                })
            }
            _ => address,
        }
    }

    fn error(&self, kind: DialErrorKind, what: &str) -> DialError {
        let route = &self.chain.route;
        let text = format!("upstream {route} {what} (BIND for {})", self.target);
        DialError::at(route, kind, text)
    }
}

type BindReply = Result<SocketAddr, (DialErrorKind, &'static str)>;

fn parse_v5(bytes: &[u8]) -> Result<Option<(BindReply, usize)>, MalformedReply> {
    let Some((reply, taken)) = socks5::parse_reply(bytes)? else {
        return Ok(None);
    };
    let answer = match (socks5::refusal(reply.code), reply.bound) {
        (Some(refusal), _) => Err(refusal),
        (None, socks5::BoundAddress::Address(address)) => Ok(address),
        (None, socks5::BoundAddress::Name(port)) => {
            Ok(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))
        }
    };
    Ok(Some((answer, taken)))
}

fn parse_v4(bytes: &[u8]) -> Result<Option<(BindReply, usize)>, MalformedReply> {
    let Some((code, taken)) = socks4::parse_reply(bytes)? else {
        return Ok(None);
    };
    let answer = match (code, bytes) {
        (90, [_, _, high, low, a, b, c, d, ..]) => {
            let ip = Ipv4Addr::new(*a, *b, *c, *d);
            Ok(SocketAddr::from((ip, u16::from_be_bytes([*high, *low]))))
        }
        _ => Err((DialErrorKind::UpstreamDenied, "rejected the request")),
    };
    Ok(Some((answer, taken)))
}
