//! Takes an idle connection to the origin for a request.

use super::flow::RequestFlow;
use crate::exchange::{Downstream, RequestTraits};
use crate::head::RequestHead;
use crate::service::{Fetch, OriginProtocol, Service};
use crate::upstream::{OriginConnection, pool};

impl<S: Service, D: Downstream> RequestFlow<'_, S, D> {
    /// Takes an idle connection of HTTP/1. `was_stale`: the last one had ended.
    pub(super) fn take_idle(
        &mut self,
        fetch: &S::Fetch,
        traits: RequestTraits,
        was_stale: bool,
    ) -> Option<Box<OriginConnection>> {
        match (was_stale, fetch.protocol()) {
            (true, _) => None,
            // A login over HTTP/1 holds for what follows, which need not say it again.
            (false, OriginProtocol::Http2) => self.take_pinned(fetch, traits),
            (false, OriginProtocol::Http1) => self.take_pooled(fetch, traits),
        }
    }

    /// Takes an idle connection. An HTTP upstream does not pass an upgrade on: that needs a tunnel of its own.
    fn take_pooled(
        &mut self,
        fetch: &S::Fetch,
        traits: RequestTraits,
    ) -> Option<Box<OriginConnection>> {
        if traits.upgrades {
            return None;
        }
        self.take_pinned(fetch, traits).or_else(|| {
            let target = fetch.target(self.head.target.as_ref()?);
            pool::take(fetch.pool_key(), target, is_thorough(self.head, traits))
        })
    }

    /// Takes an idle connection that belongs to the client.
    fn take_pinned(
        &mut self,
        fetch: &S::Fetch,
        traits: RequestTraits,
    ) -> Option<Box<OriginConnection>> {
        if traits.upgrades {
            return None;
        }
        let target = fetch.target(self.head.target.as_ref()?);
        let thorough = is_thorough(self.head, traits);
        self.pinned.take(fetch.pool_key(), target, thorough)
    }
}

/// How an idle connection is looked at: a body may turn out to be too long to be kept.
fn is_thorough(head: &RequestHead, traits: RequestTraits) -> bool {
    !traits.may_repeat || head.has_body()
}
