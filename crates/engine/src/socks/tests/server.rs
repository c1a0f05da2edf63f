//! A SOCKS server for tests: the real handshakes, the real dialer, and a road that answers as a test wants.

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
use privet_http::{Ask, Refusal, Road, Served, Ticket};
use privet_net::associate::UpstreamUdp;
use privet_net::bind::Bound;
use privet_net::{DialError, DialErrorKind, Dialed, Early, Meter, Outward, OwnSockets, Wish};
use privet_policy::{
    DirectPermit, Listener, Outbound, OwnEndpoints, Policy, Protocol, Route, Target, Why, WhyKind,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::socks::{SocksRoad, serve};

/// What a road saw of one question.
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

/// How a test's road behaves; what is not said goes direct and is let in.
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
    outward: Outward,
    pub connection_log: ConnectionLog,
    pub asked: Mutex<Vec<Asked>>,
    pub refused: Mutex<Vec<(String, CloseReason)>>,
}

#[derive(Clone)]
pub struct FakeRoad(pub Arc<Inner>);

/// A door that listens, and its road.
pub struct Door {
    pub address: SocketAddr,
    pub road: FakeRoad,
    doing: tokio::task::JoinHandle<()>,
}

impl Drop for Door {
    fn drop(&mut self) {
        self.doing.abort();
    }
}

impl Door {
    pub async fn open(plan: Plan) -> Self {
        let road = FakeRoad::new(plan);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let doing = tokio::spawn(stand(listener, road.clone()));
        Self {
            address,
            road,
            doing,
        }
    }

    /// A client that said nothing yet.
    pub async fn knock(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.road.0.asked.lock().unwrap().clone()
    }
}

async fn stand(listener: TcpListener, road: FakeRoad) {
    let mut visitors = tokio::task::JoinSet::new();
    while let Ok((client, peer)) = listener.accept().await {
        visitors.spawn(visit(client, peer, road.clone()));
    }
}

async fn visit(mut client: TcpStream, peer: SocketAddr, road: FakeRoad) {
    let local = client.local_addr().unwrap();
    let mut first = BytesMut::with_capacity(256);
    if !matches!(client.read_buf(&mut first).await, Ok(1..)) {
        return;
    }
    let deadline = tokio::time::Instant::now() + road.handshake_timeout();
    let first = first.freeze();
    let served = serve(client, first, deadline, local, peer, Listener::Socks, &road).await;
    if let Served::Tunnel {
        client,
        ahead,
        dialed,
        live,
    } = served
    {
        let early = Early {
            up: ahead,
            down: dialed.prefix,
        };
        privet_net::relay(client, dialed.stream, early, &Metered(live)).await;
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

impl FakeRoad {
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
        let outward = Outward::build(&config, &|_| Ok(None), OwnSockets::default(), None).unwrap();
        Self(Arc::new(Inner {
            then: Mutex::new(plan.then.clone()),
            generation: AtomicU64::new(1),
            plan,
            route,
            outward,
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

    fn wish<'a>(&self, ask: &Ask<'a>) -> Wish<'a> {
        Wish {
            target: ask.target,
            addresses: &[],
            dns: &Dns::System,
            app: None,
            client: ask.client,
            absolute_form: false,
        }
    }

    fn fail(&self, ask: &Ask<'_>, error: DialError) -> Refusal {
        self.note(ask.target, CloseReason::Failed);
        Refusal::Failed(error)
    }

    fn note(&self, target: &Target, end: CloseReason) {
        let mut refused = self.0.refused.lock().unwrap();
        refused.push((target.to_string(), end));
    }

    fn row(&self, ask: &Ask<'_>, ticket: &Ticket, route: Arc<str>) -> LiveConnection {
        self.0.connection_log.open(NewConnection {
            listener: ask.listener,
            client: ask.client,
            protocol: ask.protocol,
            user: ask.user.cloned(),
            app: None,
            target: ask.target.clone(),
            route,
            why: ticket.why.clone(),
        })
    }
}

fn why() -> Why {
    Why {
        kind: WhyKind::Mode,
        text: "the test says so".into(),
    }
}

impl Road for FakeRoad {
    fn generation(&self) -> u64 {
        self.0.generation.load(Ordering::SeqCst)
    }

    fn asks_login(&self) -> bool {
        self.0.plan.user.is_some()
    }

    async fn login(&self, _client: IpAddr, name: &[u8], password: &[u8]) -> Option<Arc<str>> {
        let (known, secret) = self.0.plan.user?;
        (name == known.as_bytes() && password == secret.as_bytes()).then(|| known.into())
    }

    async fn decide(&self, ask: &Ask<'_>) -> Result<Ticket, Refusal> {
        self.0.asked.lock().unwrap().push(Asked {
            protocol: ask.protocol,
            user: ask.user.map(|user| user.to_string()),
            target: ask.target.to_string(),
        });
        if let Some(Then::Block) = self.then(ask.target) {
            self.note(ask.target, CloseReason::Blocked);
            return Err(Refusal::Blocked(why()));
        }
        Ok(Ticket {
            generation: 0,
            route: self.0.route.clone(),
            key: 1,
            why: why(),
            headers: HeaderMode::Untouched,
            app: None,
            addresses: Vec::new(),
        })
    }

    async fn dial(&self, ask: &Ask<'_>, ticket: &Ticket, _: bool) -> Result<Dialed, Refusal> {
        if let Some(Then::Fail(kind)) = self.then(ask.target) {
            return Err(self.fail(ask, DialError::here(kind, "as planned")));
        }
        let dialed = self.0.outward.dial(&ticket.route, &self.wish(ask)).await;
        dialed.map_err(|error| self.fail(ask, error))
    }

    fn book(&self, ask: &Ask<'_>, ticket: &Ticket, dialed: &Dialed) -> LiveConnection {
        self.row(ask, ticket, dialed.route.clone())
    }

    fn refused(&self, ask: &Ask<'_>, _: &Why, end: CloseReason, _: Option<String>) {
        self.note(ask.target, end);
    }

    fn handshake_timeout(&self) -> Duration {
        self.0.plan.handshake_timeout
    }

    fn idle_timeout(&self) -> Duration {
        Duration::from_secs(3600)
    }
}

impl SocksRoad for FakeRoad {
    async fn bind(&self, ask: &Ask<'_>, ticket: &Ticket) -> Result<Bound, Refusal> {
        let near = ask.local.ip();
        let bound = self
            .0
            .outward
            .bind(&ticket.route, &self.wish(ask), near)
            .await;
        bound.map_err(|error| self.fail(ask, error))
    }

    async fn resolve(
        &self,
        ask: &Ask<'_>,
        _: &Ticket,
        permit: &DirectPermit,
    ) -> Result<Vec<SocketAddr>, Refusal> {
        let found = self
            .0
            .outward
            .datagram_addresses(permit, &self.wish(ask))
            .await;
        found.map_err(|error| self.fail(ask, error))
    }

    async fn associate(&self, ask: &Ask<'_>, ticket: &Ticket) -> Result<UpstreamUdp, Refusal> {
        let opened = self
            .0
            .outward
            .associate(&ticket.route, &self.wish(ask))
            .await;
        opened.map_err(|error| self.fail(ask, error))
    }

    fn association_key(&self, _: &Ask<'_>, ticket: &Ticket) -> u64 {
        ticket.key
    }

    fn book_datagrams(
        &self,
        ask: &Ask<'_>,
        ticket: &Ticket,
        route: Option<&Arc<str>>,
        _: Option<SocketAddr>,
    ) -> LiveConnection {
        let route = route.cloned().unwrap_or_else(|| "direct".into());
        self.row(ask, ticket, route)
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
