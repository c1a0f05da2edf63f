//! A SOCKS server for tests: the real handshakes, the real dialer, and a gateway that answers as a test wants.

use privet_net::HttpProxyMode;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use privet_config::{Config, Dns, HeaderMode};
use privet_connection_log::{CloseReason, ConnectionLog, LiveConnection, NewConnection, Settings};
use privet_gateway::{Gateway, HandshakeOutcome, Refusal, RequestContext, RouteDecision};
use privet_net::bind::BindListener;
use privet_net::udp::UpstreamUdp;
use privet_net::{
    Connected, DialError, DialErrorKind, DialRequest, Dialer, Meter, OwnListeners, Preread,
};
use privet_policy::{
    DirectPermit, Listener, Outbound, OwnEndpoints, Policy, Protocol, Route, Target, Why, WhyKind,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::socks::serve;
use privet_gateway::SocksGateway;

/// What a gateway saw of one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub protocol: Protocol,
    pub user: Option<String>,
    pub target: String,
}

#[derive(Debug, Clone, Copy)]
pub enum Then {
    Block,
    Fail(DialErrorKind),
}

/// How a test's gateway behaves; what is not said goes direct and is let in.
pub struct Plan {
    pub user: Option<(&'static str, &'static str)>,
    /// What happens to a target ("host:port"), instead of the dial.
    pub then: HashMap<String, Then>,
    pub handshake_timeout: Duration,
    /// Go through this upstream ("socks5://…") instead of direct.
    pub upstream: Option<String>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            user: None,
            then: HashMap::new(),
            handshake_timeout: Duration::from_secs(10),
            upstream: None,
        }
    }
}

pub struct Inner {
    plan: Plan,
    then: Mutex<HashMap<String, Then>>,
    generation: AtomicU64,
    route: Route,
    dialer: Dialer,
    pub connection_log: ConnectionLog,
    pub asked: Mutex<Vec<Asked>>,
    pub refused: Mutex<Vec<(String, CloseReason)>>,
}

#[derive(Clone)]
pub struct FakeGateway(pub Arc<Inner>);

/// A door that listens, and its gateway.
pub struct Door {
    pub address: SocketAddr,
    pub gateway: FakeGateway,
    doing: tokio::task::JoinHandle<()>,
}

impl Drop for Door {
    fn drop(&mut self) {
        self.doing.abort();
    }
}

impl Door {
    pub async fn open(plan: Plan) -> Self {
        let gateway = FakeGateway::new(plan);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let doing = tokio::spawn(stand(listener, gateway.clone()));
        Self {
            address,
            gateway,
            doing,
        }
    }

    /// A client that said nothing yet.
    pub async fn knock(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.gateway.0.asked.lock().unwrap().clone()
    }
}

async fn stand(listener: TcpListener, gateway: FakeGateway) {
    let mut visitors = tokio::task::JoinSet::new();
    while let Ok((client, peer)) = listener.accept().await {
        visitors.spawn(visit(client, peer, gateway.clone()));
    }
}

async fn visit(mut client: TcpStream, peer: SocketAddr, gateway: FakeGateway) {
    let local = client.local_addr().unwrap();
    let mut first = BytesMut::with_capacity(256);
    if !matches!(client.read_buf(&mut first).await, Ok(1..)) {
        return;
    }
    let deadline = tokio::time::Instant::now() + gateway.handshake_timeout();
    let first = first.freeze();
    let served = serve(
        client.into(),
        first,
        deadline,
        local,
        peer,
        Listener::Socks,
        &gateway,
    )
    .await;
    if let HandshakeOutcome::Tunnel {
        client,
        preread,
        connected,
        live,
    } = served
    {
        let preread = Preread {
            up: preread,
            down: connected.preread,
        };
        privet_net::relay(client, connected.stream, preread, &Metered(live)).await;
    }
}

struct Metered(LiveConnection);

impl Meter for Metered {
    fn up(&self, bytes: u64) {
        self.0.up(bytes);
    }

    fn down(&self, bytes: u64) {
        self.0.down(bytes);
    }

    fn poll_cancelled(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_cancelled(cx)
    }
}

impl FakeGateway {
    fn new(plan: Plan) -> Self {
        let upstream = plan
            .upstream
            .as_ref()
            .map(|url| format!("[[upstream]]\nname = \"up\"\nurl = \"{url}\"\n"));
        let text = format!("mode = \"standard\"\n{}", upstream.unwrap_or_default());
        let config = Config::parse(&text, Path::new("/")).unwrap().config;
        let policy = Policy::compile(&config, &[], OwnEndpoints::default()).unwrap();
        let route = match plan.upstream {
            None => Route::Direct(policy.permit().unwrap()),
            Some(_) => Route::Via {
                outbound: Outbound(0),
                fallback: None,
            },
        };
        let dialer = Dialer::build(&config, &|_| Ok(None), OwnListeners::default(), None).unwrap();
        Self(Arc::new(Inner {
            then: Mutex::new(plan.then.clone()),
            generation: AtomicU64::new(1),
            plan,
            route,
            dialer,
            connection_log: ConnectionLog::start(Settings::default()),
            asked: Mutex::default(),
            refused: Mutex::default(),
        }))
    }

    /// As a reload does: another policy is in force from now on.
    pub fn reload(&self, then: HashMap<String, Then>) {
        *self.0.then.lock().unwrap() = then;
        self.0.generation.fetch_add(1, Ordering::SeqCst);
    }

    fn then(&self, target: &Target) -> Option<Then> {
        self.0
            .then
            .lock()
            .unwrap()
            .get(&target.to_string())
            .copied()
    }

    fn dial_request<'a>(&self, context: &RequestContext<'a>) -> DialRequest<'a> {
        DialRequest {
            target: context.target,
            addresses: &[],
            dns: &Dns::System,
            app: None,
            client: context.client,
            http_proxy: HttpProxyMode::Connect,
        }
    }

    fn fail(&self, context: &RequestContext<'_>, error: DialError) -> Refusal {
        self.note(context.target, CloseReason::Failed);
        Refusal::Failed(error)
    }

    fn note(&self, target: &Target, end: CloseReason) {
        let mut refused = self.0.refused.lock().unwrap();
        refused.push((target.to_string(), end));
    }

    fn row(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
        route: Arc<str>,
    ) -> LiveConnection {
        self.0.connection_log.open(NewConnection {
            listener: context.listener,
            client: context.client,
            protocol: context.protocol,
            user: context.user.cloned(),
            app: None,
            target: context.target.clone(),
            route,
            why: decision.why.clone(),
        })
    }
}

fn why() -> Why {
    Why {
        kind: WhyKind::Mode,
        text: "the test says so".into(),
    }
}

impl Gateway for FakeGateway {
    fn policy_generation(&self) -> u64 {
        self.0.generation.load(Ordering::SeqCst)
    }

    fn requires_authentication(&self) -> bool {
        self.0.plan.user.is_some()
    }

    async fn authenticate(
        &self,
        _client: IpAddr,
        name: &[u8],
        password: &[u8],
    ) -> Option<Arc<str>> {
        let (known, secret) = self.0.plan.user?;
        (name == known.as_bytes() && password == secret.as_bytes()).then(|| known.into())
    }

    async fn decide(&self, context: &RequestContext<'_>) -> Result<RouteDecision, Refusal> {
        self.0.asked.lock().unwrap().push(Asked {
            protocol: context.protocol,
            user: context.user.map(|user| user.to_string()),
            target: context.target.to_string(),
        });
        if let Some(Then::Block) = self.then(context.target) {
            self.note(context.target, CloseReason::Blocked);
            return Err(Refusal::Blocked(why()));
        }
        Ok(RouteDecision {
            policy_generation: 0,
            route: self.0.route.clone(),
            pool_key: 1,
            why: why(),
            header_mode: HeaderMode::Untouched,
            app: None,
            addresses: Vec::new(),
        })
    }

    async fn dial(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
        _: HttpProxyMode,
    ) -> Result<Connected, Refusal> {
        if let Some(Then::Fail(kind)) = self.then(context.target) {
            return Err(self.fail(context, DialError::here(kind, "as planned")));
        }
        let connected = self
            .0
            .dialer
            .dial(&decision.route, &self.dial_request(context))
            .await;
        connected.map_err(|error| self.fail(context, error))
    }

    fn record(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
        connected: &Connected,
    ) -> LiveConnection {
        self.row(context, decision, connected.route.clone())
    }

    fn record_refused(
        &self,
        context: &RequestContext<'_>,
        _: &Why,
        end: CloseReason,
        _: Option<String>,
    ) {
        self.note(context.target, end);
    }

    fn handshake_timeout(&self) -> Duration {
        self.0.plan.handshake_timeout
    }

    fn idle_timeout(&self) -> Duration {
        Duration::from_secs(3600)
    }
}

impl SocksGateway for FakeGateway {
    async fn bind(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
    ) -> Result<BindListener, Refusal> {
        let near = context.local.ip();
        let bound = self
            .0
            .dialer
            .bind(&decision.route, &self.dial_request(context), near)
            .await;
        bound.map_err(|error| self.fail(context, error))
    }

    async fn resolve(
        &self,
        context: &RequestContext<'_>,
        _: &RouteDecision,
        permit: &DirectPermit,
    ) -> Result<Vec<SocketAddr>, Refusal> {
        let found = self
            .0
            .dialer
            .datagram_addresses(permit, &self.dial_request(context))
            .await;
        found.map_err(|error| self.fail(context, error))
    }

    async fn associate(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
    ) -> Result<UpstreamUdp, Refusal> {
        let opened = self
            .0
            .dialer
            .associate(&decision.route, &self.dial_request(context))
            .await;
        opened.map_err(|error| self.fail(context, error))
    }

    fn association_key(&self, _: &RequestContext<'_>, decision: &RouteDecision) -> u64 {
        decision.pool_key
    }

    fn record_datagrams(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
        route: Option<&Arc<str>>,
        _: Option<SocketAddr>,
    ) -> LiveConnection {
        let route = route.cloned().unwrap_or_else(|| "direct".into());
        self.row(context, decision, route)
    }
}

/// A server that sends back what it gets, one connection after another, until dropped.
pub struct Echo {
    pub address: SocketAddr,
    doing: tokio::task::JoinHandle<()>,
}

impl Echo {
    pub async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let doing = tokio::spawn(async move {
            let mut visitors = tokio::task::JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                visitors.spawn(async move {
                    let (mut from, mut to) = client.split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                    let _ = to.shutdown().await;
                });
            }
        });
        Self { address, doing }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.doing.abort();
    }
}

/// `VER CMD RSV ATYP ADDR PORT` for a socket address or "name:port".
pub fn request(command: u8, target: &str) -> Vec<u8> {
    let mut bytes = vec![5, command, 0];
    bytes.extend(address(target));
    bytes
}

/// `ATYP ADDR PORT` for a socket address or "name:port".
pub fn address(target: &str) -> Vec<u8> {
    let (mut bytes, port) = match target.parse::<SocketAddr>() {
        Ok(SocketAddr::V4(at)) => ([&[1][..], &at.ip().octets()].concat(), at.port()),
        Ok(SocketAddr::V6(at)) => ([&[4][..], &at.ip().octets()].concat(), at.port()),
        Err(_) => {
            let (name, port) = target.rsplit_once(':').unwrap();
            let length = [3, name.len() as u8];
            (
                [&length[..], name.as_bytes()].concat(),
                port.parse().unwrap(),
            )
        }
    };
    bytes.extend(port.to_be_bytes());
    bytes
}

pub async fn read<const N: usize>(client: &mut TcpStream) -> [u8; N] {
    let mut bytes = [0; N];
    client.read_exact(&mut bytes).await.unwrap();
    bytes
}

/// What comes until the server hangs up; a reset is a failure of the test.
pub async fn read_to_end(client: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    client.read_to_end(&mut bytes).await.unwrap();
    bytes
}

/// Says hello without a login and sends a request; the reply's code and address (IPv4).
pub async fn ask(client: &mut TcpStream, command: u8, target: &str) -> (u8, SocketAddr) {
    client.write_all(&[5, 1, 0]).await.unwrap();
    assert_eq!(read::<2>(client).await, [5, 0]);
    client.write_all(&request(command, target)).await.unwrap();
    reply(client).await
}

/// One SOCKS5 reply with an IPv4 address.
pub async fn reply(client: &mut TcpStream) -> (u8, SocketAddr) {
    let [version, code, reserved, kind, a, b, c, d, high, low] = read::<10>(client).await;
    assert_eq!((version, reserved, kind), (5, 0, 1));
    (
        code,
        SocketAddr::from(([a, b, c, d], u16::from_be_bytes([high, low]))),
    )
}
