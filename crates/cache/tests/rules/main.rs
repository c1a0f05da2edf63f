//! The rules of the cache against tables from the standards; `crates/cache/README.md` names the test of each section.

mod answers;
mod dates;
mod directives;
mod freshness;
mod invalidation;
mod keys;
mod model;
mod properties;
mod ranges;
mod readme;
mod requests;
mod stale;
mod status_field;
mod storing;
mod targeted;
mod validation;
mod vary;

use privet_cache::rules::reuse;
use privet_cache::rules::storing::store;
use privet_cache::{CacheReason, Policy, Request, Response, Reuse, StoredHead, Target, Timestamp};

/// 2027-01-15T08:00:00Z, a Friday.
pub const NOW: Timestamp = Timestamp(1_800_000_000);

/// A field line as a test writes it.
pub type Line<'a> = (&'a str, &'a str);

pub const TARGET: Target<'static> = Target {
    scheme: "http",
    host: "example.com",
    port: 80,
    path_and_query: b"/a?b",
};

pub fn shared() -> Policy {
    Policy::shared()
}

pub fn private() -> Policy {
    Policy::private()
}

/// The date `seconds` after [`NOW`] as a field has it.
pub fn date(seconds: i64) -> String {
    let mut out = Vec::new();
    privet_cache::rules::date::write(&mut out, NOW.plus(seconds));
    String::from_utf8(out).expect("dates are ASCII")
}

pub fn get<'f>(fields: &'f &'f [Line<'f>]) -> Request<'f> {
    Request::new(b"GET", TARGET, fields)
}

/// Stores a 200 to a plain GET that is answered at [`NOW`].
pub fn stored(policy: &Policy, fields: &[Line<'_>]) -> Result<StoredHead, CacheReason> {
    stored_as(policy, &[], 200, fields)
}

/// Stores a response to GET with some fields.
pub fn stored_as(
    policy: &Policy,
    request: &[Line<'_>],
    status: u16,
    fields: &[Line<'_>],
) -> Result<StoredHead, CacheReason> {
    let response = Response {
        status,
        fields: &fields,
        body_len: Some(10),
    };
    store(&get(&request), &response, NOW, NOW, policy)
}

/// What a stored response does for a plain GET `seconds` later.
pub fn later(stored: &StoredHead, seconds: i64) -> Reuse {
    later_for(stored, seconds, &[])
}

pub fn later_for(stored: &StoredHead, seconds: i64, request: &[Line<'_>]) -> Reuse {
    reuse::reuse(&get(&request), stored, NOW.plus(seconds))
}

pub fn is_fresh(reuse: Reuse) -> bool {
    matches!(reuse, Reuse::Fresh { .. })
}

/// Whether the response is stored and answers `seconds` later.
pub fn hit(policy: &Policy, seconds: i64, fields: &[Line<'_>]) -> bool {
    stored(policy, fields).is_ok_and(|head| is_fresh(later(&head, seconds)))
}
