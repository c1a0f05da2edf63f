//! The response to a request that may change what is stored (RFC 9111 §4.4): it makes stored responses invalid, and that to
//! a POST may itself answer later requests.

use std::time::SystemTime;

use privet_cache::rules::invalidation;
use privet_cache::rules::storing;
use privet_cache::{EntryChange, EntrySelector, FieldLines, FillPermit, Key, Target, Timestamp};

use super::fill_observer::FillOutcome;
use super::origin_request::{OriginRequest, lines_of, response_of};
use crate::exchange::head_observer::{HeadObserver, SeenHead};

/// Waits for the success of a request that may change what is stored.
pub struct InvalidationObserver {
    pub origin_request: OriginRequest,
    pub method: Box<[u8]>,
    /// Whether the cache has one part only, so that its keys are known.
    pub shared: bool,
    /// Of the URL, where the response to the request may be stored: it is a POST.
    pub key: Option<Key>,
    pub taken: Option<FillOutcome>,
}

impl InvalidationObserver {
    fn invalidate(&self, seen: &SeenHead<'_>, lines: &[u8]) {
        let (cache, fields) = (&self.origin_request.cache, FieldLines(lines));
        let target = self.origin_request.target.get();
        for path in invalidation::invalid_paths(&target, &fields) {
            let mut changed = target;
            changed.path_and_query = &path;
            self.invalidate_target(seen, &changed);
        }
        if cache.policy().site_fields {
            let mut root = target;
            root.path_and_query = b"";
            let origin = root.url();
            for group in &invalidation::groups(&fields, "cache-group-invalidation") {
                let selection = EntrySelector::Group {
                    origin: &origin,
                    group,
                };
                cache.change(&selection, EntryChange::Invalidate);
            }
        }
    }

    fn invalidate_target(&self, seen: &SeenHead<'_>, target: &Target<'_>) {
        let (cache, space) = (&self.origin_request.cache, &self.origin_request.space);
        let url = target.url();
        if !self.shared {
            cache.change(&EntrySelector::Url(&url), EntryChange::Invalidate);
            return;
        }
        cache.purge_shared_url(&url, self.origin_request.purge_reach());
        let plain = cache.key_of_target(space, &[], target);
        // Of a GET with the fields that this request has, as a proxy in front of Privet adds them to all.
        let keyed = self.origin_request.with_request(seen, |request| {
            let mut request = *request;
            request.target = *target;
            cache.key_of(space, &[], &request)
        });
        cache.invalidate(plain);
        if keyed != plain {
            cache.invalidate(keyed);
        }
    }

    /// Stores the response for later GETs (RFC 9110 §9.3.3).
    fn store(&self, key: Key, seen: &SeenHead<'_>, lines: &[u8]) -> Option<FillOutcome> {
        let fields = FieldLines(lines);
        let (origin_request, response) = (&self.origin_request, response_of(seen, &fields));
        let now = Timestamp::from(SystemTime::now());
        let head = origin_request.with_request(seen, |request| {
            let (requested, policy) =
                (origin_request.requested(now), origin_request.cache.policy());
            storing::store(request, &response, requested, now, policy)
        });
        let url = origin_request.target.url();
        let new = origin_request.new_entry(&url, response.body_len);
        let permit = FillPermit::alone(&origin_request.cache, key);
        let (entry, writer) = permit.store(head.ok()?, &new);
        Some(FillOutcome::stored(entry, writer, None))
    }
}

impl HeadObserver for InvalidationObserver {
    fn takes(&mut self, seen: &SeenHead<'_>) -> bool {
        if !invalidation::invalidates(&self.method, seen.response.status) {
            return false;
        }
        let lines = lines_of(seen);
        self.invalidate(seen, &lines);
        let key = self.key.take();
        self.taken = key.and_then(|key| self.store(key, seen, &lines));
        self.taken.is_some()
    }

    fn lines(&self) -> &[u8] {
        b"Cache-Status: privet; fwd=method\r\n"
    }
}
