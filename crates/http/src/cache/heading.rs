//! Compares the response to a HEAD with the stored response to GET (RFC 9111 §4.3.5).

use std::time::SystemTime;

use privet_cache::rules::cache_status::Forward;
use privet_cache::rules::storing::Response;
use privet_cache::rules::validation;
use privet_cache::{Entry, FieldLines, Key, Timestamp};

use super::asked::{Asked, lines_of};
use super::status::CacheUse;
use crate::exchange::head_observer::{HeadObserver, SeenHead};

/// A HEAD for something of which a response to GET is stored that does not answer it.
pub struct Heading {
    asked: Asked,
    key: Key,
    entry: Entry,
    /// What the response says of the cache.
    lines: Vec<u8>,
}

impl Heading {
    pub fn new(asked: Asked, key: Key, entry: Entry, why: Forward) -> Self {
        let mut lines = Vec::new();
        CacheUse::Miss { why, stored: false }.write_line(&mut lines);
        Self {
            asked,
            key,
            entry,
            lines,
        }
    }
}

impl HeadObserver for Heading {
    fn takes(&mut self, seen: &SeenHead<'_>) -> bool {
        let now = Timestamp::from(SystemTime::now());
        let lines = lines_of(seen);
        let response = Response {
            status: seen.response.status,
            fields: &FieldLines(&lines),
            body_len: seen.response.framing.length,
        };
        let (stored, asked) = (self.entry.head(), &self.asked);
        let update = asked.with_request(seen, |request| {
            let (length, policy) = (self.entry.body_len(), asked.cache.policy());
            validation::head_update(
                request,
                stored,
                length,
                &response,
                asked.requested(now),
                now,
                policy,
            )
        });
        asked.cache.update_by_head(self.key, &self.entry, update);
        false
    }

    fn lines(&self) -> &[u8] {
        &self.lines
    }
}
