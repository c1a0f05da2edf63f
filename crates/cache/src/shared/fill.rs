//! A response on its way from an origin that is written to a shared store too.

use std::sync::Arc;

use super::ask::{SharedAsk, is_shared};
use super::generations::Generations;
use super::put::SharedPut;
use super::store::SharedStore;
use super::value::MOST_BODY;
use crate::entry::Entry;

/// What a response needs to be written to the store that was asked before its origin.
#[derive(Debug)]
pub struct SharedFill {
    pub store: Arc<dyn SharedStore>,
    pub ask: SharedAsk,
    /// That held before the origin was asked.
    pub generations: Generations,
}

impl SharedFill {
    /// Hands in an entry to be written, where it may be on other machines.
    pub(crate) fn put(&self, entry: &Entry) {
        let fits = |body: u64| body <= MOST_BODY;
        let is_whole = entry.memory_body().is_some_and(|body| fits(body.len()));
        // By another way than its own, its validators would join two identities.
        let is_nobodys = entry.route() == 0;
        if is_whole && is_nobodys && is_shared(entry.head()) && entry.trailers().is_empty() {
            self.store.put(SharedPut {
                ask: self.ask,
                generations: self.generations,
                entry: entry.clone(),
            });
        }
    }
}
