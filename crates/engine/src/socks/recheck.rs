//! Checks a decision again after a step that took time.

use privet_connection_log::CloseReason;
use privet_gateway::{Refusal, RequestContext, RouteDecision, SocksGateway};

/// Whether a decision still holds: a reload while the connection was opened may forbid it, and could not close it,
/// since it was not in the connection log yet.
///
/// # Errors
/// The new policy's block, or that the route is another one now.
pub(super) async fn still_holds<G: SocksGateway>(
    gateway: &G,
    generation: u64,
    context: &RequestContext<'_>,
    decision: &RouteDecision,
) -> Result<(), Refusal> {
    if gateway.policy_generation() == generation {
        return Ok(());
    }
    let now = gateway.decide(context).await?;
    if now.route == decision.route {
        return Ok(());
    }
    let error = "the configuration changed meanwhile".to_owned();
    gateway.record_refused(context, &now.why, CloseReason::Reload, Some(error));
    Err(Refusal::Blocked(now.why))
}
