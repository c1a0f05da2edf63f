//! What every handshake needs of the data path.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use privet_connection_log::{CloseReason, LiveConnection};
use privet_net::{Connected, HttpProxyMode};
use privet_policy::Why;

use crate::{Refusal, RequestContext, RouteDecision};

/// The data path as a handshake sees it: authenticate, decide, dial, record. Dispatched statically.
pub trait Gateway: Clone + Send + Sync + 'static {
    /// The number of the current policy; every reload gives a new one. A decision of another generation is made again
    /// before it is acted on, so a kill switch that was turned on in between holds at once.
    fn policy_generation(&self) -> u64;

    /// Whether clients have to log in (RFC 1929, RFC 7617).
    fn requires_authentication(&self) -> bool;

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

    /// Records an open connection in the connection log.
    fn record(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
        connected: &Connected,
    ) -> LiveConnection;

    /// Records a connection that was refused for a reason found after deciding.
    fn record_refused(
        &self,
        context: &RequestContext<'_>,
        why: &Why,
        end: CloseReason,
        error: Option<String>,
    );

    /// From accept to the end of the handshake, or from the first byte of an HTTP head to its last.
    fn handshake_timeout(&self) -> Duration;

    /// How long a connection may stay open without a byte in either direction.
    fn idle_timeout(&self) -> Duration;
}
