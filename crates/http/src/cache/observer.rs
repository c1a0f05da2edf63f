//! What looks at the response of an origin on behalf of the cache.

use super::changing::Changing;
use super::fill::Audience;
use super::filling::{Filling, Taken};
use super::heading::Heading;
use crate::exchange::head_observer::HeadObserver;

pub enum Observer {
    Filling(Box<Filling>),
    Changing(Box<Changing>),
    Heading(Box<Heading>),
}

impl From<Box<Filling>> for Observer {
    fn from(filling: Box<Filling>) -> Self {
        Self::Filling(filling)
    }
}

impl Observer {
    pub fn as_head_observer(&mut self) -> &mut dyn HeadObserver {
        match self {
            Self::Filling(filling) => &mut **filling,
            Self::Changing(changing) => &mut **changing,
            Self::Heading(heading) => &mut **heading,
        }
    }

    /// The conditions that go to the origin in place of the client's.
    pub fn conditions(&self) -> Option<&[u8]> {
        match self {
            Self::Filling(filling) => filling.conditions(),
            Self::Changing(_) | Self::Heading(_) => None,
        }
    }

    /// Whether it reads the request's head once the response is there.
    pub fn reads_request(&self) -> bool {
        match self {
            Self::Filling(_) | Self::Heading(_) => true,
            Self::Changing(changing) => changing.key.is_some(),
        }
    }

    /// What was taken of the response, and for whom.
    pub fn taken(&mut self) -> Option<(&mut Taken, Audience)> {
        match self {
            Self::Filling(filling) => Some((filling.taken.as_mut()?, filling.audience)),
            Self::Changing(changing) => Some((changing.taken.as_mut()?, Audience::Readers)),
            Self::Heading(_) => None,
        }
    }
}
