//! How long a stored response is fresh, and what may be done with it afterwards (RFC 9111, 4.2; RFC 5861; RFC 8246).
//! Computed once, when the response is stored or read from disk.

use super::date;
use super::directives::{MAX_SECONDS, ResponseDirectives, delta_seconds, for_each_element};
use super::fields::{Fields, first};
use super::policy::Policy;
use super::targeted;
use super::time::Timestamp;

/// What of a stored response decides about its reuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// Seconds for which it is fresh, counted from when it was generated.
    pub fresh_for: u32,
    /// Seconds after that in which it may be sent while it is validated, and when validation fails.
    pub stale_while_revalidate: u32,
    /// `None` where the response does not say.
    pub stale_if_error: Option<u32>,
    pub source: LifetimeSource,
    /// `no-cache`: never sent without validation.
    pub no_cache: bool,
    /// Never sent stale: `must-revalidate`, and for a shared cache `proxy-revalidate` and `s-maxage`.
    pub must_revalidate: bool,
    pub immutable: bool,
    /// It has a tag or a date that it can be validated with.
    pub has_validator: bool,
}

/// Where a lifetime comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LifetimeSource {
    /// A targeted field, `Cache-Control` or `Expires`.
    Explicit,
    /// A tenth of the time since `Last-Modified`.
    Heuristic,
    /// There is none: it is stale from the start.
    None,
}

impl Lifetime {
    /// Reads the lifetime of a response that arrived at `received`.
    pub fn read<F: Fields + ?Sized>(
        status: u16,
        fields: &F,
        received: Timestamp,
        policy: &Policy,
    ) -> Lifetime {
        let targeted = targeted::read(fields, &policy.targeted);
        let directives = targeted.unwrap_or_else(|| ResponseDirectives::read(fields));
        Lifetime::of(
            &directives,
            targeted.is_some(),
            status,
            fields,
            received,
            policy,
        )
    }

    /// The same where the directives were read before.
    pub(super) fn of<F: Fields + ?Sized>(
        directives: &ResponseDirectives,
        targeted: bool,
        status: u16,
        fields: &F,
        received: Timestamp,
        policy: &Policy,
    ) -> Lifetime {
        let heads = Dates::read(fields, received);
        let s_maxage = directives.s_maxage.filter(|_| policy.shared);
        let expires = heads.expires.filter(|_| !targeted);
        let explicit = s_maxage.or(directives.max_age).or(expires);
        let heuristic = || heuristic(directives, status, &heads, policy);
        let (fresh_for, source) = match explicit {
            Some(seconds) => (seconds, LifetimeSource::Explicit),
            None => match heuristic() {
                Some(seconds) => (seconds, LifetimeSource::Heuristic),
                None => (0, LifetimeSource::None),
            },
        };
        Lifetime {
            fresh_for,
            stale_while_revalidate: directives.stale_while_revalidate.unwrap_or(0),
            stale_if_error: directives.stale_if_error,
            source,
            no_cache: directives.no_cache,
            must_revalidate: directives.must_revalidate
                || (policy.shared && (directives.proxy_revalidate || s_maxage.is_some())),
            immutable: directives.immutable,
            has_validator: heads.last_modified.is_some() || heads.has_etag,
        }
    }

    /// Whether it can ever be useful: fresh, usable when stale, or validated.
    pub(super) fn is_useful(&self) -> bool {
        self.has_validator
            || (!self.no_cache
                && (self.fresh_for > 0
                    || self.stale_while_revalidate > 0
                    || self.stale_if_error.is_some_and(|seconds| seconds > 0)))
    }
}

/// The dates of a response.
struct Dates {
    date: Timestamp,
    /// Seconds from `Date` to `Expires`; 0 where it is invalid or earlier.
    expires: Option<u32>,
    last_modified: Option<Timestamp>,
    has_etag: bool,
}

impl Dates {
    fn read<F: Fields + ?Sized>(fields: &F, received: Timestamp) -> Dates {
        let (mut date, mut expires, mut last_modified, mut has_etag) = (None, None, None, false);
        fields.for_each(&mut |name, value| {
            let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
            if is("date") {
                date = date.or(date::parse(value, received));
            } else if is("expires") {
                expires.get_or_insert(date::parse(value, received));
            } else if is("last-modified") {
                last_modified = last_modified.or(date::parse(value, received));
            } else if is("etag") {
                has_etag |= !value.is_empty();
            }
        });
        let date = date.unwrap_or(received);
        let expires = expires.map(|expires| {
            let seconds = expires.map_or(0, |expires| expires.since(date));
            u32::try_from(seconds.max(0))
                .unwrap_or(MAX_SECONDS)
                .min(MAX_SECONDS)
        });
        Dates {
            date,
            expires,
            last_modified,
            has_etag,
        }
    }
}

/// RFC 9111, 4.2.2: a tenth of the time between `Last-Modified` and `Date`.
fn heuristic(
    directives: &ResponseDirectives,
    status: u16,
    dates: &Dates,
    policy: &Policy,
) -> Option<u32> {
    let allowed = policy.heuristic && (heuristic_status(status) || directives.public);
    let unchanged_for = dates.date.since(dates.last_modified.filter(|_| allowed)?);
    let tenth = u32::try_from(unchanged_for / 10).ok()?;
    Some(tenth.min(policy.max_heuristic))
}

/// Status codes that may be fresh by heuristics (RFC 9110, 15.1).
pub fn heuristic_status(status: u16) -> bool {
    matches!(
        status,
        200 | 203 | 204 | 206 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501
    )
}

/// When a response was generated, by this cache's clock (RFC 9111, 4.2.3): its age when it arrived is the larger of what
/// `Date` and `Age` say, and the whole time of the exchange counts.
pub fn generated<F: Fields + ?Sized>(
    fields: &F,
    requested: Timestamp,
    received: Timestamp,
) -> Timestamp {
    let delay = received.since(requested).max(0);
    let date = first(fields, "date").and_then(|value| date::parse(value, received));
    let apparent_age = date.map_or(0, |date| received.since(date)).max(0);
    let age = first(fields, "age").and_then(age_value).unwrap_or(0);
    let corrected_age = i64::from(age) + delay;
    received.plus(-apparent_age.max(corrected_age))
}

/// The first member of an `Age` field (RFC 9111, 5.1), if it is a number.
fn age_value(value: &[u8]) -> Option<u32> {
    let mut first = None;
    for_each_element(value, |element| {
        first.get_or_insert(element);
    });
    delta_seconds(first?)
}
