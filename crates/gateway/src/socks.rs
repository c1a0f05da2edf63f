//! What SOCKS needs beyond CONNECT: connections from outside (BIND) and datagrams (UDP ASSOCIATE).

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use privet_connection_log::LiveConnection;
use privet_net::bind::BindListener;
use privet_net::udp::UpstreamUdp;
use privet_policy::DirectPermit;

use crate::{Gateway, Refusal, RequestContext, RouteDecision};

/// A [`Gateway`] that also serves BIND and UDP ASSOCIATE (RFC 1928, sections 4 and 7).
pub trait SocksGateway: Gateway {
    /// Opens the listening side of a BIND by the decided route: a local socket, or the upstream's. Only the context's
    /// target may connect to it.
    ///
    /// # Errors
    /// What failed; it is recorded in the connection log already.
    fn bind(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
    ) -> impl Future<Output = Result<BindListener, Refusal>> + Send;

    /// The addresses of a target whose datagrams go direct, best first: the decision's, the literal address, or what
    /// the mode's resolver answers.
    ///
    /// # Errors
    /// What failed; it is recorded in the connection log already.
    fn resolve(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
        permit: &DirectPermit,
    ) -> impl Future<Output = Result<Vec<SocketAddr>, Refusal>> + Send;

    /// Opens a UDP association with the upstream of the decided route. It never falls back to a direct route.
    ///
    /// # Errors
    /// What failed, or that this chain carries no datagrams; it is recorded in the connection log already.
    fn associate(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
    ) -> impl Future<Output = Result<UpstreamUdp, Refusal>> + Send;

    /// Frees file descriptors, of idle connections first, where none is left; `false`: there was nothing to free.
    fn free_descriptors(&self) -> impl Future<Output = bool> + Send;

    /// Targets with equal keys may share an upstream association. The key covers the route and what it isolates by.
    fn association_key(&self, context: &RequestContext<'_>, decision: &RouteDecision) -> u64;

    /// Records the datagrams to one target in the connection log. `route`: the upstream's name; `None`: direct.
    fn record_datagrams(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
        route: Option<&Arc<str>>,
        remote: Option<SocketAddr>,
    ) -> LiveConnection;
}
