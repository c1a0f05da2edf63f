//! What every handshake needs of the data path.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use privet_connection_log::{CloseReason, LiveConnection};
use privet_net::{Connected, HttpProxyMode};
use privet_policy::Why;

use crate::{Refusal, RequestContext, RouteDecision, TunnelInspector};

/// How long HTTP waits. Each is shortened to [`HttpTimeouts::idle`] where that is shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpTimeouts {
    /// From the first byte of a request's head to its last.
    pub request_header: Duration,
    /// For the next part of a request's body.
    pub request_body: Duration,
    /// For the origin: to take more of a request, or to complete the head of its response.
    pub response_header: Duration,
    /// For the next byte of a response's body, and between two requests.
    pub idle: Duration,
}

/// The data path as a handshake sees it: authenticate, decide, dial, record. Dispatched statically.
pub trait Gateway: Clone + Send + Sync + 'static {
    /// The number of the current policy; every reload gives a new one. A decision of another generation is made again
    /// before it is acted on, so a kill switch that was turned on in between holds at once.
    fn policy_generation(&self) -> u64;

    /// Whether clients have to log in (RFC 1929, RFC 7617).
    fn requires_authentication(&self) -> bool;

    /// Whether this machine has no network: a stored response may then answer although it is stale.
    fn is_offline(&self) -> bool {
        false
    }

    /// Checks a user name and password in constant time. Failures are delayed per client address. Returns the user to
    /// record, or `None`.
    fn authenticate(
        &self,
        client: IpAddr,
        name: &[u8],
        password: &[u8],
    ) -> impl Future<Output = Option<Arc<str>>> + Send;

    /// Decides by the current policy.
    ///
    /// # Errors
    /// [`Refusal::Blocked`]; it is recorded in the connection log already.
    fn decide(
        &self,
        context: &RequestContext<'_>,
    ) -> impl Future<Output = Result<RouteDecision, Refusal>> + Send;

    /// Opens a connection by the route that was decided.
    ///
    /// # Errors
    /// What failed, or the current policy's block; it is recorded in the connection log already.
    fn dial(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
        http_proxy: HttpProxyMode,
    ) -> impl Future<Output = Result<Connected, Refusal>> + Send;

    /// As [`Gateway::dial`] with [`HttpProxyMode::Connect`]. Where the route is direct, the connection goes to `address`, which
    /// an earlier connection of the same exchange was opened to and which is judged anew.
    ///
    /// # Errors
    /// As [`Gateway::dial`].
    fn dial_address(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
        address: IpAddr,
    ) -> impl Future<Output = Result<Connected, Refusal>> + Send;

    /// Records an open connection in the connection log.
    fn record(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
        connected: &Connected,
    ) -> LiveConnection;

    /// Waits a short time for the client's program to be known. Once a refusal was sent, the client closes its socket, and its
    /// owner can no longer be determined.
    fn await_program(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// Records a connection that was refused for a reason found after deciding.
    fn record_refused(
        &self,
        context: &RequestContext<'_>,
        why: &Why,
        end: CloseReason,
        error: Option<String>,
    );

    /// As [`Gateway::record_refused`], of a tunnel that was decided to be inspected.
    fn record_refused_tunnel(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
        end: CloseReason,
        error: String,
    ) {
        self.record_refused(context, &decision.why, end, Some(error));
    }

    /// What runs the tunnel that was decided to be inspected; `None`: it is a tunnel as any other.
    fn inspect(&self, _: &RequestContext<'_>, _: &RouteDecision) -> Option<TunnelInspector> {
        None
    }

    /// From accept to the end of the SOCKS handshake, or to the first byte of HTTP.
    fn handshake_timeout(&self) -> Duration;

    /// How long HTTP waits for either side.
    fn http_timeouts(&self) -> HttpTimeouts;

    /// The client's next request is awaited: until [`Gateway::request_arrived`] the connection may be closed to make room for
    /// others. An accepted connection starts so.
    fn awaits_request(&self) {}

    /// The first bytes of the client's request have arrived: once the program stops, the connection is not closed as idle.
    fn request_begun(&self) {}

    /// The client's request, its head at least, has arrived.
    fn request_arrived(&self) {}

    /// Completes once the program stops: no more requests are taken.
    fn stopping(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }

    /// How long a connection may stay open without a byte in either direction.
    fn idle_timeout(&self) -> Duration;
}
