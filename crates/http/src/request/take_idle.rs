//! Takes an idle connection to the origin for a request.

use super::flow::RequestFlow;
use crate::exchange::{Downstream, RequestTraits};
use crate::service::{Fetch, OriginProtocol, Service};
use crate::upstream::{OriginConnection, pool};

impl<S: Service, D: Downstream> RequestFlow<'_, S, D> {
    /// Takes an idle connection of HTTP/1: one that belongs to the client, else one that any request may use. An HTTP upstream
    /// does not pass an upgrade on: that needs a tunnel of its own.
    pub(super) fn take_idle(
        &mut self,
        fetch: &S::Fetch,
        traits: RequestTraits,
    ) -> Option<Box<OriginConnection>> {
        if traits.upgrades {
            return None;
        }
        let (key, target) = (fetch.pool_key(), fetch.target(self.head.target.as_ref()?));
        // A body may turn out to be too long to be kept.
        let thorough = !traits.may_repeat || self.head.has_body();
        // A login over HTTP/1 holds for what follows, also where other requests share connections over HTTP/2.
        let own = self.pinned.take(key, target, thorough);
        own.or_else(|| match fetch.protocol() {
            OriginProtocol::Http1 => pool::take(key, target, thorough),
            OriginProtocol::Http2 => None,
        })
    }
}
