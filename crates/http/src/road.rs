//! What a handshake, SOCKS or HTTP, asks of the road behind it: who is this, may it, open the way, book it.
//! The engine implements it; the handshakes know nothing else of the engine.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use privet_config::HeaderMode;
use privet_connection_log::{CloseReason, LiveConnection};
use privet_net::{DialError, Dialed};
use privet_policy::{App, Listener, Protocol, Route, Target, Why};
use tokio::net::TcpStream;

/// One wish of a client.
#[derive(Clone)]
pub struct Ask<'a> {
    pub listener: Listener,
    pub client: SocketAddr,
    /// The address of ours that the client reached.
    pub local: SocketAddr,
    pub protocol: Protocol,
    pub user: Option<&'a Arc<str>>,
    pub target: &'a Target,
    /// The whole URL of a plain HTTP request.
    pub url: Option<&'a str>,
    /// The host of the page that asks, where a plain HTTP request names it.
    pub page: Option<&'a str>,
}

/// Leave to go: the verdict was a route.
#[derive(Clone)]
pub struct Ticket {
    pub route: Route,
    /// Equal keys may share an upstream connection to the same target: route, isolation and policy generation are in it.
    pub key: u64,
    /// The policy's, when this was decided: a road decides anew what an earlier policy gave.
    pub generation: u64,
    pub why: Why,
    pub headers: HeaderMode,
    pub app: Option<Arc<App>>,
    /// The target's addresses, where they were resolved to decide.
    pub addresses: Vec<IpAddr>,
}

/// Why a client gets a no.
pub enum Refusal {
    Blocked(Why),
    Failed(DialError),
}

/// How a handshake ended, SOCKS or HTTP.
#[expect(
    clippy::large_enum_variant,
    reason = "made once a connection and taken apart at once: a box would cost more than it saves"
)]
pub enum Served {
    /// A way stands and the client was told so: relay it.
    Tunnel {
        client: TcpStream,
        /// What the client sent beyond its handshake: the first bytes for the far end.
        ahead: Bytes,
        dialed: Dialed,
        live: LiveConnection,
    },
    /// Refused, gone, or served to its end.
    Done,
}

pub trait Road: Clone + Send + Sync + 'static {
    /// Which policy is in force: another number after each reload. What was decided under another one is asked anew
    /// before it is acted upon, so that a kill switch that came meanwhile holds at once.
    fn generation(&self) -> u64;

    /// Whether clients of this listener have to log in (RFC 1929, Basic).
    fn asks_login(&self) -> bool;

    /// Checks a login in constant time; failures are slowed down per client address. The name to book, or `None`.
    fn login(
        &self,
        client: IpAddr,
        name: &[u8],
        password: &[u8],
    ) -> impl Future<Output = Option<Arc<str>>> + Send;

    /// Decides. A block is booked in the history before it is returned.
    fn decide(&self, ask: &Ask<'_>) -> impl Future<Output = Result<Ticket, Refusal>> + Send;

    /// Opens the way that was decided upon. `absolute_form`: where the last hop is an HTTP proxy, do not CONNECT but
    /// return the bare stream to it ([`Dialed::absolute_form`]). A failure is booked before it is returned.
    fn dial(
        &self,
        ask: &Ask<'_>,
        ticket: &Ticket,
        absolute_form: bool,
    ) -> impl Future<Output = Result<Dialed, Refusal>> + Send;

    /// Books an open connection as a row of the live table.
    fn book(&self, ask: &Ask<'_>, ticket: &Ticket, dialed: &Dialed) -> LiveConnection;

    /// Books a connection that was refused for a reason found after deciding.
    fn refused(&self, ask: &Ask<'_>, why: &Why, end: CloseReason, error: Option<String>);

    /// From accept to the end of the handshake, or of one HTTP head.
    fn handshake_timeout(&self) -> Duration;

    /// How long a connection may stand without a byte.
    fn idle_timeout(&self) -> Duration;
}
