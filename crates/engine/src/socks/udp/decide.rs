//! Questions to the road that an association has under way: they are polled with it and end with it.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use privet_http::{Refusal, Ticket};
use privet_net::associate::UpstreamUdp;
use privet_policy::{Protocol, Route, Target};
use tokio::time::timeout;

use crate::socks::Asker;
use crate::socks::road::SocksRoad;

/// Questions under way in one association; datagrams to further new targets are dropped until some are answered.
pub const MAX_ASKED: usize = 64;
/// How long the road may take over one; what comes later is as good as a refusal.
const PATIENCE: Duration = Duration::from_secs(20);

/// The answer to a question.
pub enum Answer {
    /// Of which target, under which policy; its ticket and, where its datagrams go direct, its addresses.
    Decided(Target, u64, Result<(Arc<Ticket>, Vec<SocketAddr>), No>),
    /// The upstream association of this key.
    Opened(u64, Result<UpstreamUdp, No>),
}

/// Why not; the road has booked it.
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
pub fn decide<R: SocksRoad>(road: &R, asker: &Arc<Asker>, target: Target) -> Question {
    let (road, asker) = (road.clone(), asker.clone());
    Box::pin(async move {
        let generation = road.generation();
        let decided = timeout(PATIENCE, ask(&road, &asker, &target)).await;
        Answer::Decided(target, generation, decided.unwrap_or(Err(No::Failed)))
    })
}

async fn ask<R: SocksRoad>(
    road: &R,
    asker: &Asker,
    target: &Target,
) -> Result<(Arc<Ticket>, Vec<SocketAddr>), No> {
    let ask = asker.ask(Protocol::Udp, target);
    let ticket = road.decide(&ask).await?;
    let addresses = match &ticket.route {
        Route::Direct(permit) => road.resolve(&ask, &ticket, permit).await?,
        Route::Via { .. } => Vec::new(),
    };
    Ok((Arc::new(ticket), addresses))
}

/// Opens the upstream association that a ticket needs, under this key.
pub fn open<R: SocksRoad>(
    road: &R,
    asker: &Arc<Asker>,
    target: Target,
    ticket: Arc<Ticket>,
    key: u64,
) -> Question {
    let (road, asker) = (road.clone(), asker.clone());
    Box::pin(async move {
        let ask = asker.ask(Protocol::Udp, &target);
        let opened = timeout(PATIENCE, road.associate(&ask, &ticket)).await;
        let opened = match opened {
            Ok(Ok(upstream)) => Ok(upstream),
            Ok(Err(refusal)) => Err(refusal.into()),
            Err(_) => Err(No::Failed),
        };
        Answer::Opened(key, opened)
    })
}
