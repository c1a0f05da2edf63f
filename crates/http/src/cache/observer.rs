//! What looks at the response of an origin on behalf of the cache.

use std::sync::Arc;

use privet_cache::rules::invalidation;
use privet_cache::{Cache, Change, FieldLines, Key, Selection, Target};

use super::filling::{Filling, OwnedTarget};
use crate::exchange::head_observer::{HeadObserver, SeenHead};
use crate::headers::response::for_each_field;
use crate::headers::write_field;

pub enum Observer {
    Filling(Box<Filling>),
    Changing(Box<Changing>),
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
        }
    }

    /// The conditions that go to the origin in place of the client's.
    pub fn conditions(&self) -> Option<&[u8]> {
        match self {
            Self::Filling(filling) => filling.conditions(),
            Self::Changing(_) => None,
        }
    }
}

/// Waits for the success of a request that may change what is stored (RFC 9111 §4.4).
pub struct Changing {
    pub cache: Arc<Cache>,
    pub space: Box<str>,
    pub target: OwnedTarget,
    pub method: Box<[u8]>,
    /// Whether the cache has one part only, so that its key is known.
    pub shared: bool,
}

impl Changing {
    fn invalidate(&self, target: &Target<'_>) {
        let key = Key::of_target(self.cache.secret(), &self.space, &[], target);
        let url = target.url();
        let selection = match self.shared {
            true => Selection::Key(key),
            false => Selection::Url(&url),
        };
        self.cache.change(&selection, Change::Invalidate);
    }
}

impl HeadObserver for Changing {
    fn takes(&mut self, seen: &SeenHead<'_>) -> bool {
        if invalidation::invalidates(&self.method, seen.response.status) {
            let mut lines = Vec::new();
            for_each_field(
                seen.response,
                seen.bytes,
                seen.style,
                false,
                |name, value| {
                    write_field(&mut lines, name, value);
                },
            );
            let target = self.target.get();
            for path in invalidation::invalid_paths(&target, &FieldLines(&lines)) {
                let mut changed = target;
                changed.path_and_query = &path;
                self.invalidate(&changed);
            }
        }
        false
    }

    fn lines(&self) -> &[u8] {
        b"Cache-Status: privet; fwd=method\r\n"
    }
}
