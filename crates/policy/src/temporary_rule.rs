//! Temporary rules: in no file, for one connection or until the program ends.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use privet_config::Rule;

use crate::rule_hit_counter::RuleHitCounter;
use crate::{Request, Target};

/// A rule that goes before those of the file.
#[derive(Debug, Clone)]
pub struct TemporaryRule {
    /// Never given twice in one run.
    pub number: u32,
    pub rule: Rule,
    /// For one connection only; `None`: for all, until the program ends.
    pub single_use: Option<Arc<SingleUse>>,
    pub hit_counter: Arc<RuleHitCounter>,
}

/// Which connection has claimed a rule that is for one connection.
#[derive(Debug, Default)]
pub struct SingleUse {
    claim: OnceLock<Claim>,
    expired: AtomicBool,
}

/// What a connection is recognised by.
#[derive(Debug, PartialEq, Eq)]
struct Claim {
    client: SocketAddr,
    target: Target,
}

impl SingleUse {
    /// Claims it for this connection, unless another one has. Whether it is this connection's.
    pub(crate) fn claim(&self, request: &Request<'_>) -> bool {
        let claim = self.claim.get_or_init(|| Claim {
            client: request.client,
            target: request.target.clone(),
        });
        !self.is_expired() && claim.is_by(request)
    }

    pub(crate) fn is_claimed_by(&self, request: &Request<'_>) -> bool {
        !self.is_expired() && self.claim.get().is_some_and(|claim| claim.is_by(request))
    }

    pub fn is_unclaimed(&self) -> bool {
        self.claim.get().is_none()
    }

    /// The client whose connection claimed it.
    pub fn client(&self) -> Option<SocketAddr> {
        self.claim.get().map(|claim| claim.client)
    }

    /// Call it when the connection has ended: a later one from the same port is another connection.
    pub fn expire(&self) {
        self.expired.store(true, Ordering::Relaxed);
    }

    fn is_expired(&self) -> bool {
        self.expired.load(Ordering::Relaxed)
    }
}

impl Claim {
    fn is_by(&self, request: &Request<'_>) -> bool {
        self.client == request.client && self.target == *request.target
    }
}
