//! Compares the response to HEAD with the stored response to GET (RFC 9111 §4.3.5).

use std::time::SystemTime;

use privet_cache::rules::cache_status::Forward;
use privet_cache::rules::storing::Response;
use privet_cache::rules::validation;
use privet_cache::{Entry, FieldLines, Key, Timestamp};

use super::origin_request::{OriginRequest, lines_of};
use super::status::CacheUse;
use crate::exchange::head_observer::{HeadObserver, SeenHead};

/// A HEAD for something of which a response to GET is stored that does not answer it.
pub struct HeadUpdateObserver {
    origin_request: OriginRequest,
    key: Key,
    entry: Entry,
    /// What the response says of the cache.
    lines: Vec<u8>,
}

impl HeadUpdateObserver {
    pub fn new(origin_request: OriginRequest, key: Key, entry: Entry, why: Forward) -> Self {
        let mut lines = Vec::new();
        CacheUse::Miss { why, stored: false }.write_line(&mut lines);
        Self {
            origin_request,
            key,
            entry,
            lines,
        }
    }
}

impl HeadObserver for HeadUpdateObserver {
    fn takes(&mut self, seen: &SeenHead<'_>) -> bool {
        let now = Timestamp::from(SystemTime::now());
        let lines = lines_of(seen);
        let response = Response {
            status: seen.response.status,
            fields: &FieldLines(&lines),
            body_len: seen.response.framing.length,
        };
        let (stored, origin_request) = (self.entry.head(), &self.origin_request);
        let update = origin_request.with_request(seen, |request| {
            let (length, policy) = (self.entry.body_len(), origin_request.cache.policy());
            validation::head_update(
                request,
                stored,
                length,
                &response,
                origin_request.requested(now),
                now,
                policy,
            )
        });
        let (cache, reach) = (&origin_request.cache, origin_request.purge_reach());
        cache.update_by_head(self.key, &self.entry, update, reach);
        false
    }

    fn lines(&self) -> &[u8] {
        &self.lines
    }
}
