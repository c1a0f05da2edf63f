//! What SOCKS asks of the road beyond what HTTP does: waiting for a connection from outside, and datagrams.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use privet_connection_log::{CloseReason, LiveConnection};
use privet_http::{Ask, Refusal, Road, Ticket};
use privet_net::associate::UpstreamUdp;
use privet_net::bind::Bound;
use privet_policy::DirectPermit;

pub trait SocksRoad: Road {
    /// Opens the listening end of a BIND by the ticket's route: a socket of our own near the address that the client
    /// reached, or the upstream's. Only the ask's target may connect to it. A failure is booked before it is returned.
    fn bind(
        &self,
        ask: &Ask<'_>,
        ticket: &Ticket,
    ) -> impl Future<Output = Result<Bound, Refusal>> + Send;

    /// The addresses of a target whose datagrams go direct, best first, none of them our own listener: the ticket's,
    /// the literal, or what the mode's resolver says. A failure is booked before it is returned.
    fn resolve(
        &self,
        ask: &Ask<'_>,
        ticket: &Ticket,
        permit: &DirectPermit,
    ) -> impl Future<Output = Result<Vec<SocketAddr>, Refusal>> + Send;

    /// Opens a UDP association with the upstream that the ticket's route names. A failure, also that this chain cannot
    /// carry datagrams, is booked before it is returned; nothing ever falls back to going direct.
    fn associate(
        &self,
        ask: &Ask<'_>,
        ticket: &Ticket,
    ) -> impl Future<Output = Result<UpstreamUdp, Refusal>> + Send;

    /// Targets with equal keys may share an upstream association: the route is in it, and what the route isolates by.
    fn association_key(&self, ask: &Ask<'_>, ticket: &Ticket) -> u64;

    /// Books the datagrams to one target as a row of the live table. `route`: the upstream's name, `None` for direct.
    fn book_datagrams(
        &self,
        ask: &Ask<'_>,
        ticket: &Ticket,
        route: Option<&Arc<str>>,
        remote: Option<SocketAddr>,
    ) -> LiveConnection;
}

/// Whether a way that took its time to open is still the way to go: a reload meanwhile may have closed it, and could not
/// see it, since it was not booked yet.
///
/// # Errors
/// The new policy's block, or that it goes another way now.
pub(super) async fn still_holds<R: SocksRoad>(
    road: &R,
    generation: u64,
    ask: &Ask<'_>,
    ticket: &Ticket,
) -> Result<(), Refusal> {
    if road.generation() == generation {
        return Ok(());
    }
    let now = road.decide(ask).await?;
    if now.route == ticket.route {
        return Ok(());
    }
    let error = "the configuration changed meanwhile".to_owned();
    road.refused(ask, &now.why, CloseReason::Reload, Some(error));
    Err(Refusal::Blocked(now.why))
}
