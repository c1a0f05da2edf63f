//! What a request connection asks of the program behind it: [`forward`] is the proxy; sites implement [`Service`] too.

pub mod forward;
mod ftp;
pub mod inspect;
mod proxy_auth;
mod refusal_page;
mod refused_logins;

use std::net::SocketAddr;
use std::sync::Arc;

use privet_config::HeaderMode;
use privet_connection_log::{CloseReason, LiveConnection};
use privet_gateway::{HttpTimeouts, TunnelInspector};
use privet_net::{Connected, HttpProxyMode};
use privet_policy::Target;
use privet_scan::RequestScanner;

use crate::cache::CacheScope;
use crate::head::RequestHead;
use crate::head::target::TargetRule;
use crate::headers::response::ResponseStyle;
use crate::headers::site::SiteRequest;
pub use crate::respond::error_page::ResponseFormat;
pub(crate) use proxy_auth::CHALLENGE;
pub use proxy_auth::ProxyAuth;

/// A response that is made here, written once its form is known.
pub type OwnResponse = Box<dyn FnOnce(ResponseFormat) -> Vec<u8> + Send>;

/// Why there is no connection to an origin.
pub struct DialFailure {
    pub response: OwnResponse,
    /// Nothing answers there, and nothing forbids the connection: what is stored may answer although it is stale.
    pub unreachable: bool,
}

impl From<OwnResponse> for DialFailure {
    fn from(response: OwnResponse) -> Self {
        Self {
            response,
            unreachable: false,
        }
    }
}

/// A client connection.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionInfo {
    /// The local address that the client connected to.
    pub local: SocketAddr,
    /// The address of the socket's other end.
    pub peer: SocketAddr,
}

/// What a service remembers of a client connection.
#[derive(Default)]
pub struct Session {
    pub proxy_auth: ProxyAuth,
    /// The user that logged in.
    pub user: Option<Arc<str>>,
    /// The requests that were answered with 407.
    refused_logins: Option<Box<refused_logins::RefusedLogins>>,
}

impl Session {
    /// The session of a request that is sent again on behalf of this user.
    pub(crate) fn of_user(user: Option<Arc<str>>) -> Self {
        Self {
            user,
            ..Self::default()
        }
    }
}

/// A request whose head was parsed and checked.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    pub connection: ConnectionInfo,
    pub user: Option<&'a Arc<str>>,
    pub head: &'a RequestHead,
    /// What the head points into.
    pub bytes: &'a [u8],
    pub target: &'a Target,
    /// The whole URL in normal form; `None` for CONNECT.
    pub url: Option<&'a str>,
    /// The host of the page that caused the request (`Origin`, else `Referer`), where the request names it.
    pub page: Option<&'a str>,
}

/// What happens to a request.
pub enum Plan<F> {
    /// It is answered here.
    Respond(OwnResponse),
    /// The connection becomes a tunnel.
    Tunnel(F),
    /// The connection becomes a tunnel whose content is inspected.
    Inspect(TunnelInspector),
    /// It is sent to an origin.
    Fetch(F),
}

/// The version of HTTP that an origin speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OriginProtocol {
    /// HTTP/1: one request at a time on a connection.
    Http1,
    /// HTTP/2: requests share connections. A new connection that finds an origin which does not speak it
    /// ([`Connected::alpn`]) is used as one of HTTP/1.
    Http2,
}

/// Where a request is sent.
pub trait Fetch: Send + Sync + 'static {
    /// Requests with equal keys may share an upstream connection to the same target. The key covers everything that makes
    /// two connections not interchangeable.
    fn pool_key(&self) -> u64;

    /// The target of the upstream connection; `requested`: the request's own.
    fn target<'a>(&'a self, requested: &'a Target) -> &'a Target;

    fn header_mode(&self) -> HeaderMode;

    fn protocol(&self) -> OriginProtocol {
        OriginProtocol::Http1
    }

    /// Sends the request over HTTP/1 from here on, since HTTP/2 has no form for it. `false`: the origin does not speak it.
    fn use_http1(&mut self) -> bool {
        false
    }

    /// The scheme of the request's URL, as the origin sees it.
    fn scheme(&self) -> &'static str {
        "http"
    }

    /// What a site changes in the request.
    fn site_request(&self) -> Option<SiteRequest<'_>>;

    /// What changes in the response.
    fn response_style(&self) -> ResponseStyle<'_>;

    /// The cache that the request may use.
    fn cache(&self) -> Option<CacheScope<'_>> {
        None
    }

    /// What scans the bodies of the request and of its response.
    fn scanner(&self) -> Option<&RequestScanner> {
        None
    }

    /// The longest body of a request, in bytes. A longer one is answered with 413.
    fn max_request_body(&self) -> u64 {
        u64::MAX
    }
}

/// How an attempt to send a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// A final response came. `status`: its code; `at`: when its head was there.
    Answered { status: u16, at: std::time::Instant },
    /// No connection.
    Unreachable,
    /// No valid head of a response in time. An idle connection that was closed meanwhile is no attempt.
    Failed,
    /// The client gave up, or was at fault.
    Abandoned,
}

/// The program behind a request connection. Dispatched statically.
pub trait Service: Clone + Send + Sync + 'static {
    /// Whether [`Self::next_attempt`] may give one: heads are then kept until a response begins.
    const RETRIES: bool;

    /// Whether its clients are anybody: its own pages then do not name the software.
    const IS_PUBLIC: bool = false;

    type Fetch: Fetch;

    /// The forms of request targets that it accepts.
    fn targets(&self) -> TargetRule;

    /// Checks the client of a request, before anything else is looked at.
    ///
    /// # Errors
    /// The response that refuses it.
    fn admit(
        &self,
        session: &mut Session,
        connection: ConnectionInfo,
        head: &RequestHead,
        bytes: &[u8],
    ) -> impl Future<Output = Result<(), OwnResponse>> + Send;

    /// Decides what happens to a request.
    fn plan(&self, request: &Request<'_>) -> impl Future<Output = Plan<Self::Fetch>> + Send;

    /// Called before a request goes to an origin: one that the cache answers never gets here.
    ///
    /// # Errors
    /// The response that says that there is no origin now.
    fn prepare(&self, _: &mut Self::Fetch) -> Result<(), OwnResponse> {
        Ok(())
    }

    /// Opens a connection as was planned.
    ///
    /// # Errors
    /// The response that says what failed.
    fn dial(
        &self,
        request: &Request<'_>,
        fetch: &Self::Fetch,
        http_proxy: HttpProxyMode,
    ) -> impl Future<Output = Result<Connected, DialFailure>> + Send;

    /// Plans another attempt at a request of which no origin has begun a response; `false`: there is none. Called after a
    /// failure too, where the request may be sent again.
    fn next_attempt(&self, fetch: &mut Self::Fetch) -> bool;

    /// Reports how an attempt ended.
    fn attempt_ended(&self, fetch: &mut Self::Fetch, attempt: Attempt);

    /// A stored response answered the request. `status`: its code.
    fn answered_from_cache(&self, _: &Self::Fetch, _: u16) {}

    /// Whether there is no network, so that a stored response may answer although it is stale (RFC 9111 §4.2.4).
    fn is_offline(&self) -> bool {
        false
    }

    /// Records an open connection in the connection log.
    fn record(
        &self,
        request: &Request<'_>,
        fetch: &Self::Fetch,
        connected: &Connected,
    ) -> LiveConnection;

    /// Records a connection that was refused for a reason found after planning.
    fn record_refused(
        &self,
        request: &Request<'_>,
        fetch: &Self::Fetch,
        end: CloseReason,
        error: Option<String>,
    );

    /// Records a client whose request was malformed, before the answer is sent.
    fn record_malformed(
        &self,
        session: &Session,
        connection: ConnectionInfo,
        error: String,
    ) -> impl Future<Output = ()> + Send;

    /// The response to a request that failed after a connection was open.
    fn failure(&self, status: u16, reason: &'static str, text: String) -> OwnResponse;

    /// How long each part may take.
    fn timeouts(&self) -> HttpTimeouts;

    /// The client's next request is awaited: until [`Service::request_arrived`] the connection may be closed to make room
    /// for others.
    fn awaits_request(&self) {}

    /// The first bytes of a request have arrived: once the program stops, the connection is not closed as idle.
    fn request_begun(&self) {}

    /// The client's request, its head at least, has arrived.
    fn request_arrived(&self) {}

    /// Completes once the program stops: no more requests are taken.
    fn stopping(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }
}
