//! Whether a stored response answers a request (RFC 9111, 4).

use super::lifetime::LifetimeSource;
use super::request::Request;
use super::stored::StoredHead;
use super::time::Timestamp;
use super::verdict::{CacheReason, OnError, Reuse};

/// Whether the store may be asked for this request at all.
pub fn check_request(request: &Request<'_>) -> Result<(), CacheReason> {
    if !request.is_get() && !request.is_head() {
        return Err(CacheReason::Method);
    }
    if request.directives.no_store {
        return Err(CacheReason::RequestNoStore);
    }
    if request.present.method_override {
        return Err(CacheReason::MethodOverride);
    }
    if request.has_body {
        return Err(CacheReason::RequestBody);
    }
    // Only the origin judges If-Match and If-Unmodified-Since (4.3.2).
    if request.present.origin_condition {
        return Err(CacheReason::OriginCondition);
    }
    Ok(())
}

/// What a stored response may do for a request that belongs to its variant ([`super::vary`]).
pub fn reuse(request: &Request<'_>, stored: &StoredHead, now: Timestamp) -> Reuse {
    if let Err(why) = check_request(request) {
        return Reuse::MustNot { why };
    }
    let directives = &request.directives;
    let age = stored.age(now);
    let lifetime = &stored.lifetime;
    let fresh = lifetime.fresh_for > age;
    if lifetime.no_cache {
        return validate(request, stored, now, CacheReason::NoCache);
    }
    if directives.no_cache {
        return validate(request, stored, now, CacheReason::RequestNoCache);
    }
    // A reload asks for max-age=0; what says immutable does not change while it is fresh (RFC 8246).
    let too_old = directives
        .max_age
        .is_some_and(|limit| age > limit || limit == 0);
    if too_old && !(lifetime.immutable && fresh && directives.max_age == Some(0)) {
        return validate(request, stored, now, CacheReason::RequestMaxAge);
    }
    if let Some(wanted) = directives.min_fresh
        && lifetime.fresh_for.saturating_sub(age) < wanted
    {
        return validate(request, stored, now, CacheReason::RequestMinFresh);
    }
    if fresh {
        let ttl = lifetime.fresh_for - age;
        return Reuse::Fresh { age, ttl };
    }
    let stale = age - lifetime.fresh_for;
    if lifetime.must_revalidate {
        return validate(request, stored, now, CacheReason::MustRevalidate);
    }
    if directives.max_stale.is_some_and(|limit| stale <= limit) {
        return Reuse::StaleAccepted { age, stale };
    }
    // A client that limits the age, or for how long it is stale, wants none that is validated meanwhile.
    let limited = directives.max_age.is_some()
        || directives.min_fresh.is_some()
        || directives.max_stale.is_some();
    if stale <= lifetime.stale_while_revalidate && lifetime.stale_while_revalidate > 0 && !limited {
        return Reuse::StaleWhileRevalidate { age, stale };
    }
    let why = match lifetime.source {
        LifetimeSource::Heuristic => CacheReason::HeuristicExpired,
        LifetimeSource::Explicit => CacheReason::Expired,
        LifetimeSource::None => CacheReason::NoLifetime,
    };
    validate(request, stored, now, why)
}

/// What an invalidated response may do, as after a soft purge: it is not sent before it was validated (RFC 9111, 4.4).
pub const fn invalidated() -> Reuse {
    Reuse::Validate {
        why: CacheReason::Invalidated,
        on_error: OnError::Never,
    }
}

fn validate(request: &Request<'_>, stored: &StoredHead, now: Timestamp, why: CacheReason) -> Reuse {
    Reuse::Validate {
        why,
        on_error: on_error(request, stored, now),
    }
}

/// RFC 9111, 4.2.4, and RFC 5861, 4.
fn on_error(request: &Request<'_>, stored: &StoredHead, now: Timestamp) -> OnError {
    let lifetime = &stored.lifetime;
    let age = stored.age(now);
    let stale = age.saturating_sub(lifetime.fresh_for);
    if lifetime.no_cache || (lifetime.must_revalidate && lifetime.fresh_for <= age) {
        return OnError::Never;
    }
    let limit = lifetime
        .stale_if_error
        .max(request.directives.stale_if_error);
    let directives = &request.directives;
    let wants_validated = directives.no_cache
        || directives.max_age.is_some()
        || directives.min_fresh.is_some()
        || directives.max_stale.is_some_and(|limit| stale > limit);
    match limit {
        Some(limit) if stale <= limit => OnError::Allowed { age },
        Some(_) => OnError::Never,
        None if wants_validated => OnError::Offline { age },
        None => OnError::ByPolicy { age },
    }
}
