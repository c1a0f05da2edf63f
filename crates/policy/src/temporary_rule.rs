//! Rules that stand in no file: for one connection, or until the program ends.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use privet_config::Rule;

use crate::rule_hit_counter::RuleHitCounter;
use crate::{Request, Target};

/// A rule that goes before those of the file.
#[derive(Debug, Clone)]
pub struct TemporaryRule {
    /// Its number, never given twice in one run.
    pub number: u32,
    pub rule: Rule,
    /// For one connection only; `None`: for all, until the program ends.
    pub single_use: Option<Arc<SingleUse>>,
    pub hit_counter: Arc<RuleHitCounter>,
}

/// One connection, whichever comes first.
#[derive(Debug, Default)]
pub struct SingleUse {
    taken: OnceLock<Holder>,
    over: AtomicBool,
}

#[derive(Debug, PartialEq, Eq)]
struct Holder {
    client: SocketAddr,
    target: Target,
}

impl SingleUse {
    /// Whether it is this connection's, which it becomes if it was nobody's.
    pub(crate) fn take(&self, request: &Request<'_>) -> bool {
        let holder = self.taken.get_or_init(|| Holder {
            client: request.client,
            target: request.target.clone(),
        });
        !self.is_over() && holder.is(request)
    }

    /// Whether it is this connection's already.
    pub(crate) fn is_of(&self, request: &Request<'_>) -> bool {
        !self.is_over() && self.taken.get().is_some_and(|holder| holder.is(request))
    }

    /// Nobody's yet.
    pub fn is_unclaimed(&self) -> bool {
        self.taken.get().is_none()
    }

    /// The client whose connection it is.
    pub fn client(&self) -> Option<SocketAddr> {
        self.taken.get().map(|holder| holder.client)
    }

    /// Its connection has ended: another one from the same port is another one.
    pub fn expire(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

impl Holder {
    fn is(&self, request: &Request<'_>) -> bool {
        self.client == request.client && self.target == *request.target
    }
}
