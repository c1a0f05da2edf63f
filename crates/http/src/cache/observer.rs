//! What looks at the response of an origin on behalf of the cache.

use super::fill::Audience;
use super::fill_observer::{FillObserver, FillOutcome};
use super::head_update_observer::HeadUpdateObserver;
use super::invalidation_observer::InvalidationObserver;
use crate::exchange::head_observer::HeadObserver;

pub enum Observer {
    Fill(Box<FillObserver>),
    Invalidation(Box<InvalidationObserver>),
    HeadUpdate(Box<HeadUpdateObserver>),
}

impl From<Box<FillObserver>> for Observer {
    fn from(fill_observer: Box<FillObserver>) -> Self {
        Self::Fill(fill_observer)
    }
}

impl Observer {
    pub fn as_head_observer(&mut self) -> &mut dyn HeadObserver {
        match self {
            Self::Fill(fill_observer) => &mut **fill_observer,
            Self::Invalidation(invalidation_observer) => &mut **invalidation_observer,
            Self::HeadUpdate(head_update_observer) => &mut **head_update_observer,
        }
    }

    /// The request is going to be sent by this way: `route` names the upstreams in order.
    pub fn goes_by(&mut self, route: &str) {
        match self {
            Self::Fill(fill_observer) => fill_observer.goes_by(route),
            Self::Invalidation(invalidation_observer) => {
                invalidation_observer.origin_request.goes_by(route)
            }
            Self::HeadUpdate(_) => {}
        }
    }

    /// The conditions that go to the origin in place of the client's.
    pub fn conditions(&self) -> Option<&[u8]> {
        match self {
            Self::Fill(fill_observer) => fill_observer.conditions(),
            Self::Invalidation(_) | Self::HeadUpdate(_) => None,
        }
    }

    /// Whether it reads the request's head once the response is there.
    pub fn reads_request(&self) -> bool {
        match self {
            Self::Fill(_) | Self::HeadUpdate(_) => true,
            Self::Invalidation(invalidation_observer) => invalidation_observer.key.is_some(),
        }
    }

    /// What was taken of the response, and for whom.
    pub fn taken(&mut self) -> Option<(&mut FillOutcome, Audience)> {
        match self {
            Self::Fill(fill_observer) => {
                Some((fill_observer.taken.as_mut()?, fill_observer.audience))
            }
            Self::Invalidation(invalidation_observer) => {
                Some((invalidation_observer.taken.as_mut()?, Audience::Readers))
            }
            Self::HeadUpdate(_) => None,
        }
    }
}
