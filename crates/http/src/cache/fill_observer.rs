//! What becomes of the response of an origin: it is stored, it confirms or completes what is stored, it is passed on, or a
//! stored one takes its place.

use privet_cache::rules::cache_status::Forward;
use privet_cache::rules::fields::first;
use privet_cache::rules::range::{self, ByteRange, ContentRange};
use privet_cache::rules::range_set;
use privet_cache::rules::storing::{self, Response};
use privet_cache::rules::validation::{self, Merged, NamedEntries};
use privet_cache::{
    BodyReader, CacheReason, Entry, Fields, FillPermit, FillWriter, FoundFields, OnError,
    PartialHit, StoredHead, Timestamp,
};
use tokio::sync::watch;

use super::fill::{Audience, FillControl};
use super::origin_request::{OriginRequest, lines_of, response_of};
use super::status::{CacheUse, Failure};
use crate::exchange::head_observer::{HeadObserver, SeenHead};
use crate::scanning::gate::Gate;
use crate::turn;

/// How long after its lifetime a response may answer for an origin that does not, in seconds.
const MAX_STALE: i64 = 24 * 3600;

/// A stored response that an origin is asked to confirm.
pub struct Revalidation {
    pub entry: Entry,
    pub on_error: OnError,
    /// The conditions that go to the origin, as field lines.
    conditions: Vec<u8>,
}

impl Revalidation {
    pub fn new((entry, on_error): (Entry, OnError)) -> Self {
        let mut conditions = Vec::new();
        validation::write_conditions(&mut conditions, &[entry.head()]);
        Self {
            entry,
            on_error,
            conditions,
        }
    }
}

/// Stored parts to which an origin is asked for the rest.
pub struct RangeCompletion {
    completing: PartialHit,
    /// The range and its condition, as field lines.
    conditions: Vec<u8>,
}

impl RangeCompletion {
    pub fn new(completing: PartialHit) -> Self {
        let ByteRange { first, last } = completing.missing;
        let mut conditions = format!("Range: bytes={first}-{last}\r\n").into_bytes();
        validation::write_if_range(&mut conditions, completing.entry.head());
        Self {
            completing,
            conditions,
        }
    }
}

/// What the cache did with a response.
#[expect(
    clippy::large_enum_variant,
    reason = "made and taken apart at once: boxing would cost more than it saves"
)]
pub enum FillOutcome {
    /// It is being stored.
    Stored {
        entry: Entry,
        /// For the client that caused the request.
        reader: BodyReader,
        /// Until the body is received apart.
        writer: Option<FillWriter>,
        control: Option<FillControl>,
        /// Opens with the body's verdict, where it is scanned.
        gate: Option<watch::Receiver<Gate>>,
        /// The part of it that answers; none: as the request asks.
        part: Option<ByteRange>,
    },
    /// It is stored, with its whole body.
    Whole(Entry),
    /// A stored one was confirmed.
    Confirmed(Entry),
    /// The origin confirmed something else than what is stored: it is asked again without conditions.
    Mismatch,
    /// It is not the part that was asked for: the origin is asked again for all that the client wants.
    Refused,
    /// The origin failed, and a stored one may be sent in place of its answer.
    Failed(Entry),
    /// Nobody asked for it, and it is not stored.
    Dropped,
}

impl FillOutcome {
    /// `part`: the part of it that answers; none: as the request asks.
    pub fn stored(entry: Entry, writer: FillWriter, part: Option<ByteRange>) -> Self {
        Self::Stored {
            reader: match part {
                Some(range) => entry.range_reader(range.first, range.len()),
                None => entry.reader(0),
            },
            entry,
            writer: Some(writer),
            control: None,
            gate: None,
            part,
        }
    }
}

/// Decides what the cache does with the response to the leader's request.
pub struct FillObserver {
    pub origin_request: OriginRequest,
    pub permit: Option<FillPermit>,
    pub revalidation: Option<Revalidation>,
    pub completion: Option<RangeCompletion>,
    /// Why the request went to the origin.
    pub forward: Forward,
    pub audience: Audience,
    pub taken: Option<FillOutcome>,
    /// What a response that is passed on says of the cache.
    pub lines: Vec<u8>,
}

impl FillObserver {
    /// The request is going to be sent by this way, again where it was sent already.
    pub fn goes_by(&mut self, route: &str) {
        self.origin_request.goes_by(route);
        let origin_request = &self.origin_request;
        // All that the client wants is asked for.
        self.completion
            .take_if(|completion| !origin_request.may_name(&completion.completing.entry));
    }

    /// Whether the origin is asked to confirm a stored response. Where it may not be named, it is asked for anew.
    fn names_stored(&self) -> bool {
        let revalidation = self.revalidation.as_ref();
        revalidation.is_some_and(|revalidation| self.origin_request.may_name(&revalidation.entry))
    }

    /// The conditions that go to the origin in place of the client's.
    pub fn conditions(&self) -> Option<&[u8]> {
        match (&self.revalidation, &self.completion) {
            (Some(_), _) if !self.names_stored() => Some(&[]),
            (Some(revalidation), _) => Some(&revalidation.conditions),
            (None, Some(completion)) => Some(&completion.conditions),
            (None, None) => None,
        }
    }

    /// There is no response of an origin: the stored one that may be sent in place.
    pub fn failed(&mut self, failure: Failure) -> Option<Entry> {
        if let Some(permit) = self.permit.take() {
            permit.failed();
        }
        let revalidation = self.revalidation.take()?;
        let is_allowed = match (revalidation.on_error, failure) {
            (OnError::Allowed { .. }, _) => true,
            (OnError::ByPolicy { .. } | OnError::Offline { .. }, Failure::Offline) => true,
            (OnError::ByPolicy { .. }, Failure::NoAnswer) => {
                let now = Timestamp::from(turn::wall_time());
                revalidation.entry.head().ttl(now) >= -MAX_STALE
            }
            _ => false,
        };
        is_allowed.then_some(revalidation.entry)
    }

    fn decide(&mut self, seen: &SeenHead<'_>) -> Option<FillOutcome> {
        let now = Timestamp::from(turn::wall_time());
        let lines = lines_of(seen);
        let fields = &FoundFields::of(&lines);
        let status = seen.response.status;
        if let Some(RangeCompletion { completing, .. }) = self.completion.take() {
            match status {
                206 => return self.combine(completing, seen, fields, now),
                304 | 412 | 416 => return Some(FillOutcome::Refused),
                // The representation has changed, or the origin failed.
                _ => {}
            }
        }
        if status == 304 {
            return self.confirm(seen, fields, now);
        }
        if status == 206 {
            return self.store_part(seen, fields, now);
        }
        if validation::is_failure(status)
            && let Some(revalidation) = self
                .revalidation
                .take_if(|held| matches!(held.on_error, OnError::Allowed { .. }))
        {
            if let Some(permit) = self.permit.take() {
                permit.failed();
            }
            return Some(FillOutcome::Failed(revalidation.entry));
        }
        self.store(seen, fields, now)
    }

    /// A 304 confirms a stored response, or is the answer to the client's own condition.
    fn confirm(
        &mut self,
        seen: &SeenHead<'_>,
        fields: &FoundFields<'_>,
        now: Timestamp,
    ) -> Option<FillOutcome> {
        let was_named = self.names_stored();
        let revalidation = self.revalidation.take()?;
        let old = revalidation.entry.head();
        if !was_named || !validation::identifies(old, fields, NamedEntries::One) {
            return Some(FillOutcome::Mismatch);
        }
        let merged = self.merge(seen, old, fields, now);
        let permit = self.permit.take()?;
        Some(match merged {
            Merged::Update(head) => match permit.not_modified(head) {
                Some(entry) => FillOutcome::Confirmed(entry),
                None => FillOutcome::Confirmed(revalidation.entry),
            },
            Merged::SendOnly(head, _) => {
                let entry = revalidation.entry.with_head(head);
                permit.forget(now, self.origin_request.purge_reach());
                FillOutcome::Confirmed(entry)
            }
        })
    }

    fn merge(
        &self,
        seen: &SeenHead<'_>,
        old: &StoredHead,
        fields: &dyn Fields,
        now: Timestamp,
    ) -> Merged {
        self.origin_request.with_request(seen, |request| {
            let requested = self.origin_request.requested(now);
            let policy = self.origin_request.cache.policy();
            validation::merge(request, old, fields, requested, now, policy)
        })
    }

    /// A 206 has what was missing of stored parts (RFC 9110 §15.3.7.3), or it is refused.
    fn combine(
        &mut self,
        completing: PartialHit,
        seen: &SeenHead<'_>,
        fields: &FoundFields<'_>,
        now: Timestamp,
    ) -> Option<FillOutcome> {
        let PartialHit {
            entry,
            missing,
            wanted,
        } = completing;
        let response = response_of(seen, fields);
        let part = range_set::combine(entry.head(), entry.body_len(), &response);
        let Some(part) = part.ok().filter(|part| part.range == missing) else {
            return Some(FillOutcome::Refused);
        };
        let Merged::Update(head) = self.merge(seen, entry.head(), fields, now) else {
            return Some(FillOutcome::Refused);
        };
        let url = self.origin_request.target.url();
        let new = self.origin_request.new_entry(&url, response.body_len);
        let permit = self.permit.take()?;
        let (entry, writer) = permit.store_part(head, part, &new, Some(&entry));
        Some(FillOutcome::stored(entry, writer, wanted))
    }

    /// The part that the client has asked for.
    fn store_part(
        &mut self,
        seen: &SeenHead<'_>,
        fields: &FoundFields<'_>,
        now: Timestamp,
    ) -> Option<FillOutcome> {
        let response = response_of(seen, fields);
        let permit = self.permit.take()?;
        let (head, wanted) = self.read(seen, &response, now);
        let part = first(fields, "content-range").and_then(ContentRange::parse);
        // Of a part alone, they say nothing about the whole.
        let of_part = |why| matches!(why, CacheReason::BadContentRange | CacheReason::TooLarge);
        let (head, permit) = storable(head, permit, of_part, (response.status, now))?;
        let (Some(wanted), Some(part)) = (wanted, part) else {
            return None;
        };
        if !permit.is_part() || !wanted.is_answered_by(part) {
            return None;
        }
        let url = self.origin_request.target.url();
        let new = self.origin_request.new_entry(&url, response.body_len);
        let (entry, writer) = permit.store_part(head, part, &new, None);
        Some(FillOutcome::stored(entry, writer, Some(part.range)))
    }

    /// The head to store, and the range that was asked for.
    fn read(
        &self,
        seen: &SeenHead<'_>,
        response: &Response<'_>,
        now: Timestamp,
    ) -> (Result<StoredHead, CacheReason>, Option<range::RangeSpec>) {
        self.origin_request.with_request(seen, |request| {
            let requested = self.origin_request.requested(now);
            let policy = self.origin_request.cache.policy();
            let head = storing::store(request, response, requested, now, policy);
            (head, range::only_range(request))
        })
    }

    fn store(
        &mut self,
        seen: &SeenHead<'_>,
        fields: &FoundFields<'_>,
        now: Timestamp,
    ) -> Option<FillOutcome> {
        let response = response_of(seen, fields);
        let (head, _) = self.read(seen, &response, now);
        let permit = self.permit.take()?;
        // These depend on what this client has already.
        let of_client = |_| matches!(response.status, 412 | 416);
        let (head, permit) = storable(head, permit, of_client, (response.status, now))?;
        let url = self.origin_request.target.url();
        let new = self.origin_request.new_entry(&url, response.body_len);
        let permit = self.stored_under_its_key(permit, seen, &head);
        if let Some(body) = seen.body.filter(|body| permit.takes_whole(body.len())) {
            return Some(FillOutcome::Whole(permit.store_whole(head, &new, body)));
        }
        let (entry, writer) = permit.store(head, &new);
        Some(FillOutcome::stored(entry, writer, None))
    }

    /// Other requests may have the same response, as it says itself (`No-Vary-Search`).
    fn stored_under_its_key(
        &self,
        permit: FillPermit,
        seen: &SeenHead<'_>,
        head: &StoredHead,
    ) -> FillPermit {
        let origin_request = &self.origin_request;
        if !origin_request.cache.policy().site_fields {
            return permit;
        }
        let key = origin_request.with_request(seen, |request| {
            origin_request
                .cache
                .key_of_response(&origin_request.space, &[], request, head)
        });
        permit.stored_as(key)
    }
}

/// The head, where the response may be stored. A reason that holds for every client is kept, so that others do not wait for it
/// again; one that `is_of_this_response` is not.
fn storable(
    head: Result<StoredHead, CacheReason>,
    permit: FillPermit,
    is_of_this_response: impl Fn(CacheReason) -> bool,
    (status, now): (u16, Timestamp),
) -> Option<(StoredHead, FillPermit)> {
    match head {
        Ok(head) => Some((head, permit)),
        Err(why) if is_of_this_response(why) => None,
        Err(why) => {
            tracing::trace!(%why, "not stored");
            match validation::is_failure(status) {
                true => permit.origin_error(now),
                false => permit.uncacheable(now),
            }
            None
        }
    }
}

impl HeadObserver for FillObserver {
    fn takes(&mut self, seen: &SeenHead<'_>) -> bool {
        self.taken = self.decide(seen);
        if self.taken.is_none() && self.audience == Audience::Store {
            self.taken = Some(FillOutcome::Dropped);
        }
        if self.taken.is_none() {
            let used = CacheUse::Miss {
                why: self.forward,
                stored: false,
            };
            used.write_line(&mut self.lines);
        }
        self.taken.is_some()
    }

    fn lines(&self) -> &[u8] {
        &self.lines
    }
}
