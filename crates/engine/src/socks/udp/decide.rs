//! Requests of an association to the gateway: polled with the association, and ended with it.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use privet_gateway::{Refusal, RouteDecision};
use privet_net::udp::UpstreamUdp;
use privet_policy::{Protocol, Route, Target};
use tokio::time::timeout;

use crate::socks::client::ClientIdentity;
use privet_gateway::SocksGateway;

/// Requests under way in one association; datagrams to further new targets are dropped until some are answered.
pub const MAX_PENDING: usize = 64;
/// How long the gateway may take for one; a later answer counts as a failure.
const GATEWAY_TIMEOUT: Duration = Duration::from_secs(20);

/// An answer of the gateway.
pub enum GatewayAnswer {
    /// The target, the policy generation, the decision and, where its datagrams go direct, its addresses.
    Decided(
        Target,
        u64,
        Result<(Arc<RouteDecision>, Vec<SocketAddr>), FlowRefusal>,
    ),
    /// The upstream association of this key.
    Opened(u64, Result<UpstreamUdp, FlowRefusal>),
}

/// Why a target is refused; the gateway recorded it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlowRefusal {
    Blocked,
    Failed,
}

impl From<Refusal> for FlowRefusal {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Blocked(_) => Self::Blocked,
            Refusal::Failed(_) => Self::Failed,
        }
    }
}

pub type PendingAnswer = Pin<Box<dyn Future<Output = GatewayAnswer> + Send>>;

/// Asks whether datagrams may go to this target, and by which route.
pub fn decide<G: SocksGateway>(
    gateway: &G,
    identity: &Arc<ClientIdentity>,
    target: Target,
) -> PendingAnswer {
    let (gateway, identity) = (gateway.clone(), identity.clone());
    Box::pin(async move {
        let generation = gateway.policy_generation();
        let decided = timeout(GATEWAY_TIMEOUT, ask(&gateway, &identity, &target)).await;
        GatewayAnswer::Decided(
            target,
            generation,
            decided.unwrap_or(Err(FlowRefusal::Failed)),
        )
    })
}

async fn ask<G: SocksGateway>(
    gateway: &G,
    identity: &ClientIdentity,
    target: &Target,
) -> Result<(Arc<RouteDecision>, Vec<SocketAddr>), FlowRefusal> {
    let context = identity.context(Protocol::Udp, target);
    let decision = gateway.decide(&context).await?;
    let addresses = match &decision.route {
        Route::Direct(permit) => gateway.resolve(&context, &decision, permit).await?,
        Route::Via { .. } => Vec::new(),
    };
    Ok((Arc::new(decision), addresses))
}

/// Opens the upstream association that a decision needs, under this key.
pub fn open<G: SocksGateway>(
    gateway: &G,
    identity: &Arc<ClientIdentity>,
    target: Target,
    decision: Arc<RouteDecision>,
    key: u64,
) -> PendingAnswer {
    let (gateway, identity) = (gateway.clone(), identity.clone());
    Box::pin(async move {
        let context = identity.context(Protocol::Udp, &target);
        let opened = timeout(GATEWAY_TIMEOUT, gateway.associate(&context, &decision)).await;
        let opened = match opened {
            Ok(Ok(upstream)) => Ok(upstream),
            Ok(Err(refusal)) => Err(refusal.into()),
            Err(_) => Err(FlowRefusal::Failed),
        };
        GatewayAnswer::Opened(key, opened)
    })
}
