//! A proxy of this crate alone on loopback, and scripted origins.
#![allow(dead_code)] // each test file uses its part

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use privet_config::HeaderMode;
use privet_connection_log::{CloseReason, ConnectionLog, LiveConnection, NewConnection};
use privet_gateway::{
    CacheAccess, Gateway, HandshakeOutcome, HttpTimeouts, Refusal, RequestContext, RouteDecision,
};
use privet_http::service::ConnectionInfo;
use privet_http::service::forward::Forward;
use privet_http::{h2, serve};
use privet_net::AbsoluteForm;
use privet_net::HttpProxyMode;
use privet_net::{Connected, DialError, DialErrorKind, DialTimings, Stream};
use privet_policy::{Listener, Outbound, Route, Why, WhyKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufWriter};
use tokio::net::{TcpListener, TcpStream};

#[derive(Clone)]
pub struct TestGateway {
    pub connection_log: ConnectionLog,
    pub headers: HeaderMode,
    pub cache: Option<CacheAccess>,
    pub login: Option<(&'static str, &'static str)>,
    /// A host that is blocked, and why.
    pub blocked: Option<(&'static str, WhyKind)>,
    /// An HTTP proxy, with its credentials, that every target is reached through.
    pub upstream: Option<(SocketAddr, Option<&'static str>)>,
    /// The stream is boxed and buffers until it is flushed, as TLS does.
    pub boxed: bool,
    /// Every connection is cancelled as it is recorded, as after a reload in between.
    pub forbids: bool,
    pub handshake: Duration,
    pub request_body: Duration,
    pub response_header: Duration,
    pub idle: Duration,
    /// Incremented by tests that reload.
    pub generation: Arc<AtomicU64>,
    pub dials: Arc<AtomicUsize>,
    pub recorded: Arc<AtomicUsize>,
    pub logins: Arc<AtomicUsize>,
    pub urls: Arc<Mutex<Vec<String>>>,
}

impl Default for TestGateway {
    fn default() -> Self {
        Self {
            connection_log: ConnectionLog::default(),
            headers: HeaderMode::Reduced,
            cache: None,
            login: None,
            blocked: None,
            upstream: None,
            boxed: false,
            forbids: false,
            handshake: Duration::from_secs(20),
            request_body: Duration::from_secs(60),
            response_header: Duration::from_secs(60),
            idle: Duration::from_secs(60),
            generation: Arc::default(),
            dials: Arc::default(),
            recorded: Arc::default(),
            logins: Arc::default(),
            urls: Arc::default(),
        }
    }
}

impl TestGateway {
    fn why(&self, kind: WhyKind, text: &str) -> Why {
        Why {
            kind,
            text: text.into(),
        }
    }
}

impl Gateway for TestGateway {
    fn policy_generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    fn requires_authentication(&self) -> bool {
        self.login.is_some()
    }

    async fn authenticate(&self, _: IpAddr, name: &[u8], password: &[u8]) -> Option<Arc<str>> {
        self.logins.fetch_add(1, Ordering::Relaxed);
        let (user, secret) = self.login?;
        (name == user.as_bytes() && password == secret.as_bytes()).then(|| user.into())
    }

    async fn decide(&self, context: &RequestContext<'_>) -> Result<RouteDecision, Refusal> {
        if let Some(url) = context.url {
            self.urls.lock().unwrap().push(url.to_owned());
        }
        if let Some((host, kind)) = self.blocked
            && context.target.host.to_string() == host
        {
            return Err(Refusal::Blocked(
                self.why(kind, "list \"ads\" <b>line 3</b>"),
            ));
        }
        // A pool of its own for each proxy: tests on one thread must not share connections.
        let key = Arc::as_ptr(&self.dials) as u64;
        Ok(RouteDecision {
            policy_generation: 0,
            route: Route::Via {
                outbound: Outbound(0),
                fallback: None,
            },
            pool_key: key,
            why: self.why(WhyKind::Mode, "all is allowed"),
            treatment: privet_policy::Treatment::default(),
            header_mode: self.headers,
            app: None,
            addresses: Vec::new(),
            cache: self.cache.clone(),
        })
    }

    async fn dial(
        &self,
        context: &RequestContext<'_>,
        _: &RouteDecision,
        mode: HttpProxyMode,
    ) -> Result<Connected, Refusal> {
        self.dials.fetch_add(1, Ordering::Relaxed);
        let failed = |kind, text: String| {
            Refusal::Failed(DialError {
                kind,
                hop: None,
                text,
            })
        };
        let address = match (&self.upstream, context.target.host.to_string().as_str()) {
            (Some((address, _)), _) => *address,
            (None, "nowhere.test") => {
                return Err(failed(
                    DialErrorKind::NameNotFound,
                    "nowhere.test does not exist".into(),
                ));
            }
            (None, "slow.test") => {
                return Err(failed(DialErrorKind::TimedOut, "no answer".into()));
            }
            (None, _) => SocketAddr::from(([127, 0, 0, 1], context.target.port)),
        };
        let stream = TcpStream::connect(address)
            .await
            .map_err(|error| failed(DialErrorKind::Refused, error.to_string()))?;
        Ok(Connected {
            local: stream.local_addr().ok(),
            remote: stream.peer_addr().ok(),
            stream: if self.boxed {
                Stream::Boxed(Box::pin(BufWriter::new(stream)))
            } else {
                Stream::Tcp(stream)
            },
            preread: Default::default(),
            route: "direct".into(),
            timings: DialTimings::default(),
            absolute_form: self
                .upstream
                .filter(|_| mode == HttpProxyMode::AbsoluteForm)
                .map(|(_, login)| AbsoluteForm {
                    authorization: login.map(Arc::from),
                }),
        })
    }

    async fn dial_address(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
        _: IpAddr,
    ) -> Result<Connected, Refusal> {
        self.dial(context, decision, HttpProxyMode::Connect).await
    }

    fn record(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
        connected: &Connected,
    ) -> LiveConnection {
        self.recorded.fetch_add(1, Ordering::Relaxed);
        let live = self.connection_log.open(NewConnection {
            listener: context.listener,
            client: context.client,
            protocol: context.protocol,
            user: context.user.cloned(),
            app: None,
            target: context.target.clone(),
            route: connected.route.clone(),
            why: decision.why.clone(),
        });
        if self.forbids {
            live.row().cancel(CloseReason::Reload);
        }
        live
    }

    fn record_refused(&self, _: &RequestContext<'_>, _: &Why, _: CloseReason, _: Option<String>) {}

    fn handshake_timeout(&self) -> Duration {
        self.handshake
    }

    fn http_timeouts(&self) -> HttpTimeouts {
        HttpTimeouts {
            request_header: self.handshake,
            request_body: self.request_body,
            response_header: self.response_header,
            idle: self.idle,
        }
    }

    fn idle_timeout(&self) -> Duration {
        self.idle
    }
}

/// Starts a proxy and returns its address.
pub async fn proxy(gateway: TestGateway) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let local = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (client, peer) = listener.accept().await.unwrap();
            let gateway = gateway.clone();
            tokio::spawn(async move {
                let deadline = tokio::time::Instant::now() + gateway.handshake;
                let served = serve(
                    client.into(),
                    b"",
                    deadline,
                    ConnectionInfo { local, peer },
                    Forward {
                        gateway: gateway.clone(),
                        listener: Listener::Http,
                    },
                )
                .await;
                if let HandshakeOutcome::Tunnel {
                    mut client,
                    preread,
                    connected,
                    live: _live,
                } = served
                {
                    let mut destination = connected.stream;
                    destination.write_all(&preread).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut destination).await;
                }
            });
        }
    });
    local
}

/// Relays the tunnels of HTTP/2 streams.
#[derive(Clone)]
struct CopyTunnels;

impl h2::Tunnels for CopyTunnels {
    async fn relay(&self, mut client: Stream, connected: Connected, _live: LiveConnection) {
        let mut destination = connected.stream;
        let _ = tokio::io::copy_bidirectional(&mut client, &mut destination).await;
    }
}

/// Starts a proxy that speaks HTTP/2 without TLS.
pub async fn h2_proxy(gateway: TestGateway) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let local = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (client, peer) = listener.accept().await.unwrap();
            let forward = Forward {
                gateway: gateway.clone(),
                listener: Listener::Http,
            };
            let info = ConnectionInfo { local, peer };
            let first = bytes::Bytes::new();
            tokio::spawn(h2::serve(client.into(), first, info, forward, CopyTunnels));
        }
    });
    local
}

/// Starts an origin that runs `script` on each connection, with the connection's number from 0. Returns its port.
pub async fn origin<F, W>(script: F) -> u16
where
    F: Fn(Peer, usize) -> W + Send + 'static,
    W: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut number = 0;
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(script(Peer::new(stream), number));
            number += 1;
        }
    });
    port
}

/// An origin that responds to every request with the same bytes.
pub async fn answering(reply: &'static str) -> u16 {
    origin(move |mut peer, _| async move {
        while peer.head().await.is_some() {
            peer.send(reply).await;
        }
    })
    .await
}

/// One end of a connection, with reads as the tests need them.
pub struct Peer {
    pub stream: TcpStream,
    pub seen: Vec<u8>,
    /// Of the last chunked body.
    pub trailers: String,
}

impl Peer {
    pub fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            seen: Vec::new(),
            trailers: String::new(),
        }
    }

    pub async fn connect(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).await.unwrap())
    }

    pub async fn send(&mut self, text: impl AsRef<[u8]>) {
        // The other side may be gone by design.
        let _ = self.stream.write_all(text.as_ref()).await;
    }

    /// Sends each byte by itself.
    pub async fn drip(&mut self, text: impl AsRef<[u8]>) {
        self.stream.set_nodelay(true).unwrap();
        for byte in text.as_ref() {
            if self.stream.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn more(&mut self) -> bool {
        let mut piece = [0; 4096];
        match within(self.stream.read(&mut piece)).await {
            Ok(count) if count > 0 => {
                self.seen.extend_from_slice(&piece[..count]);
                true
            }
            _ => false,
        }
    }

    /// The next head, with the empty line; `None` at the end.
    pub async fn head(&mut self) -> Option<String> {
        loop {
            if let Some(at) = self.seen.windows(4).position(|piece| piece == b"\r\n\r\n") {
                let head = self.seen.drain(..at + 4).collect::<Vec<u8>>();
                return Some(String::from_utf8_lossy(&head).into_owned());
            }
            if !self.more().await {
                return None;
            }
        }
    }

    /// Exactly this many bytes.
    pub async fn take(&mut self, count: usize) -> String {
        while self.seen.len() < count {
            assert!(self.more().await, "ended within {:?}", self.seen);
        }
        let bytes = self.seen.drain(..count).collect::<Vec<u8>>();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Head and body of a response with a length.
    pub async fn response(&mut self) -> (String, String) {
        let head = self.head().await.expect("a response");
        let length = field(&head, "content-length").map_or(0, |value| value.parse().unwrap());
        let body = self.take(length).await;
        (head, body)
    }

    async fn line(&mut self) -> String {
        loop {
            if let Some(at) = self.seen.windows(2).position(|piece| piece == b"\r\n") {
                let line = self.take(at + 2).await;
                return line.trim_end().to_owned();
            }
            assert!(self.more().await, "ended within a line");
        }
    }

    /// One chunk's data; empty: the last chunk, without trailers.
    pub async fn chunk(&mut self) -> String {
        let size = usize::from_str_radix(&self.line().await, 16).unwrap();
        let data = self.take(size).await;
        assert_eq!(self.line().await, "");
        data
    }

    /// A chunked body; its trailers are kept.
    pub async fn read_chunked(&mut self) -> String {
        let mut body = String::new();
        loop {
            let size = usize::from_str_radix(&self.line().await, 16).unwrap();
            if size == 0 {
                break;
            }
            body.push_str(&self.take(size).await);
            assert_eq!(self.line().await, "");
        }
        self.trailers.clear();
        loop {
            let line = self.line().await;
            if line.is_empty() {
                return body;
            }
            self.trailers.push_str(&line);
            self.trailers.push_str("\r\n");
        }
    }

    /// Everything until the end; panics on a reset.
    pub async fn rest(&mut self) -> String {
        let mut rest = std::mem::take(&mut self.seen);
        within(self.stream.read_to_end(&mut rest)).await.unwrap();
        String::from_utf8_lossy(&rest).into_owned()
    }
}

/// Runs a future with the limit of all waits in tests.
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future)
        .await
        .expect("within 20 s")
}

/// A field's value in a head.
pub fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

pub fn status(head: &str) -> u16 {
    head.split(' ').nth(1).unwrap().parse().unwrap()
}
