//! Questions to the gateway that an association has under way: they are polled with it and end with it.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use privet_gateway::{Refusal, RouteDecision};
use privet_net::udp::UpstreamUdp;
use privet_policy::{Protocol, Route, Target};
use tokio::time::timeout;

use crate::socks::Asker;
use privet_gateway::SocksGateway;

/// Questions under way in one association; datagrams to further new targets are dropped until some are answered.
pub const MAX_ASKED: usize = 64;
/// How long the gateway may take over one; what comes later is as good as a refusal.
const PATIENCE: Duration = Duration::from_secs(20);

/// The answer to a question.
pub enum Answer {
    /// Of which target, under which policy; its decision and, where its datagrams go direct, its addresses.
    Decided(
        Target,
        u64,
        Result<(Arc<RouteDecision>, Vec<SocketAddr>), No>,
    ),
    /// The upstream association of this key.
    Opened(u64, Result<UpstreamUdp, No>),
}

/// Why not; the gateway has booked it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum No {
    Blocked,
    Failed,
}

impl From<Refusal> for No {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Blocked(_) => Self::Blocked,
            Refusal::Failed(_) => Self::Failed,
        }
    }
}

pub type Question = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// May datagrams go to this target, and by which way?
pub fn decide<R: SocksGateway>(gateway: &R, asker: &Arc<Asker>, target: Target) -> Question {
    let (gateway, asker) = (gateway.clone(), asker.clone());
    Box::pin(async move {
        let generation = gateway.policy_generation();
        let decided = timeout(PATIENCE, ask(&gateway, &asker, &target)).await;
        Answer::Decided(target, generation, decided.unwrap_or(Err(No::Failed)))
    })
}

async fn ask<R: SocksGateway>(
    gateway: &R,
    asker: &Asker,
    target: &Target,
) -> Result<(Arc<RouteDecision>, Vec<SocketAddr>), No> {
    let context = asker.context(Protocol::Udp, target);
    let decision = gateway.decide(&context).await?;
    let addresses = match &decision.route {
        Route::Direct(permit) => gateway.resolve(&context, &decision, permit).await?,
        Route::Via { .. } => Vec::new(),
    };
    Ok((Arc::new(decision), addresses))
}

/// Opens the upstream association that a decision needs, under this key.
pub fn open<R: SocksGateway>(
    gateway: &R,
    asker: &Arc<Asker>,
    target: Target,
    decision: Arc<RouteDecision>,
    key: u64,
) -> Question {
    let (gateway, asker) = (gateway.clone(), asker.clone());
    Box::pin(async move {
        let context = asker.context(Protocol::Udp, &target);
        let opened = timeout(PATIENCE, gateway.associate(&context, &decision)).await;
        let opened = match opened {
            Ok(Ok(upstream)) => Ok(upstream),
            Ok(Err(refusal)) => Err(refusal.into()),
            Err(_) => Err(No::Failed),
        };
        Answer::Opened(key, opened)
    })
}
