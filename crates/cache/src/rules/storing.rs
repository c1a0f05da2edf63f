//! Which responses are stored (RFC 9111, 3).

use super::directives::ResponseDirectives;
use super::fields::{Fields, first};
use super::lifetime::{Lifetime, LifetimeSource, generated};
use super::policy::Policy;
use super::range::ContentRange;
use super::request::Request;
use super::stored::{StoredHead, lines_to_store};
use super::time::Timestamp;
use super::verdict::CacheReason;
use super::{invalidation, targeted, vary};

/// The final response to a request.
#[derive(Clone, Copy)]
pub struct Response<'f> {
    pub status: u16,
    pub fields: &'f dyn Fields,
    /// The length of its body where the framing says it.
    pub body_len: Option<u64>,
}

/// The head to store for a response whose head arrived at `received` for a request that was sent at `requested`, or why
/// it is not stored.
pub fn store(
    request: &Request<'_>,
    response: &Response<'_>,
    requested: Timestamp,
    received: Timestamp,
    policy: &Policy,
) -> Result<StoredHead, CacheReason> {
    check_request(request)?;
    let targeted = targeted::read(response.fields, &policy.targeted);
    let directives = targeted.unwrap_or_else(|| ResponseDirectives::read(response.fields));
    check_status(response.status, &directives)?;
    check_directives(request, &directives, policy)?;
    check_length(request, response, policy)?;
    let lifetime = Lifetime::of(
        &directives,
        targeted.is_some(),
        response.status,
        response.fields,
        received,
        policy,
    );
    check_lifetime(response, &directives, &lifetime, policy)?;
    if request.method == b"POST" {
        check_post(request, response, &lifetime)?;
    }
    let vary_key = vary::key(request.sent, response.fields)?;
    let lines = lines_to_store(
        response.status,
        response.fields,
        received,
        directives.names_fields,
        policy,
    )
    .ok_or(CacheReason::BadField)?;
    Ok(StoredHead {
        status: response.status,
        // Not what is left of a larger allocation: the rest of that would be too small for anything else.
        lines: lines.as_slice().into(),
        vary_key,
        received,
        generated: generated(response.fields, requested, received),
        lifetime,
    })
}

/// Whether a response to this request could be stored at all, for who would wait for it.
pub fn check_request(request: &Request<'_>) -> Result<(), CacheReason> {
    if !request.is_get() && request.method != b"POST" {
        return Err(CacheReason::Method);
    }
    if request.directives.no_store {
        return Err(CacheReason::RequestNoStore);
    }
    if request.present.method_override {
        return Err(CacheReason::MethodOverride);
    }
    if request.has_body && request.is_get() {
        return Err(CacheReason::RequestBody);
    }
    if request.present.origin_condition {
        return Err(CacheReason::OriginCondition);
    }
    if request.target.path_and_query.len() > super::keyed::MAX_PATH {
        return Err(CacheReason::UrlTooLong);
    }
    Ok(())
}

fn check_status(status: u16, directives: &ResponseDirectives) -> Result<(), CacheReason> {
    match status {
        200..=599 => {}
        _ => return Err(CacheReason::Status),
    }
    // They depend on fields of the request that are not in the key (Range, conditions, Expect, a proxy's credentials), or
    // their definition forbids it (RFC 6585: 428, 429, 431, 511).
    if matches!(
        status,
        304 | 407 | 412 | 416 | 417 | 421 | 425 | 428 | 429 | 431 | 511
    ) {
        return Err(CacheReason::Status);
    }
    if directives.must_understand {
        return if is_understood(status) {
            Ok(())
        } else {
            Err(CacheReason::StatusNotUnderstood)
        };
    }
    if directives.no_store {
        return Err(CacheReason::ResponseNoStore);
    }
    Ok(())
}

/// Status codes whose rules of caching are followed here: those of RFC 9110.
pub fn is_understood(status: u16) -> bool {
    matches!(status, 200..=206 | 300..=305 | 307 | 308 | 400..=411 | 413..=417 | 421 | 422 | 426 | 500..=505)
}

fn check_directives(
    request: &Request<'_>,
    directives: &ResponseDirectives,
    policy: &Policy,
) -> Result<(), CacheReason> {
    if policy.shared && directives.private {
        return Err(CacheReason::Private);
    }
    let for_all = directives.public || directives.must_revalidate || directives.s_maxage.is_some();
    if policy.shared && request.has_credentials() && !for_all {
        return Err(CacheReason::Authorization);
    }
    Ok(())
}

fn check_length(
    request: &Request<'_>,
    response: &Response<'_>,
    policy: &Policy,
) -> Result<(), CacheReason> {
    let mut whole = response.body_len;
    if response.status == 206 {
        if !request.asks_for_range() {
            return Err(CacheReason::BadContentRange);
        }
        let range = first(response.fields, "content-range")
            .and_then(ContentRange::parse)
            .ok_or(CacheReason::BadContentRange)?;
        if response
            .body_len
            .is_some_and(|len| len != range.range.len())
        {
            return Err(CacheReason::BadContentRange);
        }
        whole = range.complete.or(Some(range.range.last.saturating_add(1)));
    }
    if whole.is_some_and(|len| len > policy.max_object) {
        return Err(CacheReason::TooLarge);
    }
    Ok(())
}

fn check_lifetime(
    response: &Response<'_>,
    directives: &ResponseDirectives,
    lifetime: &Lifetime,
    policy: &Policy,
) -> Result<(), CacheReason> {
    let explicit = lifetime.source == LifetimeSource::Explicit;
    let storable_status = super::lifetime::heuristic_status(response.status);
    let wanted = explicit || directives.public || (directives.private && !policy.shared);
    if !wanted && !storable_status {
        return Err(CacheReason::NoLifetime);
    }
    // Set-Cookie does not forbid storing, but a shared cache wants to be told.
    let sets_cookie = first(response.fields, "set-cookie").is_some();
    if policy.shared && sets_cookie && !explicit && !directives.public {
        return Err(CacheReason::SetCookie);
    }
    if lifetime.is_useful() {
        Ok(())
    } else {
        Err(CacheReason::NoLifetime)
    }
}

/// RFC 9110, 9.3.3: with an explicit lifetime and its own URL in `Content-Location`, for later GETs.
fn check_post(
    request: &Request<'_>,
    response: &Response<'_>,
    lifetime: &Lifetime,
) -> Result<(), CacheReason> {
    let own_url = first(response.fields, "content-location").is_some_and(|location| {
        invalidation::resolve(&request.target, location)
            .is_some_and(|path| path.as_bytes() == request.target.path_and_query)
    });
    let explicit = lifetime.source == LifetimeSource::Explicit;
    if own_url && explicit && response.status == 200 {
        Ok(())
    } else {
        Err(CacheReason::PostWithoutLocation)
    }
}
