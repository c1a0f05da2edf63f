//! What the rules answer, with a sentence for each reason.

use std::fmt;

/// Whether a stored response may answer a request. Ages and lifetimes are in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    /// Answer from the store.
    Fresh { age: u32, ttl: u32 },
    /// The client accepts this stale response (`max-stale`): answer from the store.
    StaleAccepted { age: u32, stale: u32 },
    /// Answer from the store and validate in the background (`stale-while-revalidate`, RFC 5861).
    StaleWhileRevalidate { age: u32, stale: u32 },
    /// Ask the origin first. `on_error` says what may be sent when that fails.
    Validate { why: CacheReason, on_error: OnError },
    /// Do not use this stored response for the request.
    MustNot { why: CacheReason },
}

/// Whether a stale response may be sent when the origin cannot be reached or answers 500, 502, 503 or 504.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// The response or the request forbids it (`no-cache`, `must-revalidate` and others).
    Never,
    /// Nothing forbids it, and this cache may send stale responses while it is disconnected: while the origin cannot be
    /// reached or does not answer (RFC 9111, 4.2.4). Not where it answers with an error.
    ByPolicy { age: u32 },
    /// The same, but the request wants a response that was validated: only while there is no network.
    Offline { age: u32 },
    /// `stale-if-error` allows it (RFC 5861).
    Allowed { age: u32 },
}

/// Why a response is not stored, is not fresh or is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CacheReason {
    // Storing.
    Method,
    RequestNoStore,
    ResponseNoStore,
    Private,
    Authorization,
    Status,
    StatusNotUnderstood,
    VaryStar,
    NoLifetime,
    TooLarge,
    BadContentRange,
    OtherRepresentation,
    VaryTooLong,
    BadField,
    SetCookie,
    PostWithoutLocation,
    MethodOverride,
    RequestBody,
    OriginCondition,
    UrlTooLong,
    // Reuse.
    Expired,
    HeuristicExpired,
    NoCache,
    RequestNoCache,
    RequestMaxAge,
    RequestMinFresh,
    MustRevalidate,
    Invalidated,
    VaryMismatch,
    RangeNotStored,
    NotStored,
    Uncacheable,
    UnknownPage,
}

impl CacheReason {
    /// One short sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            CacheReason::Method => "The method is not one whose responses are stored.",
            CacheReason::RequestNoStore => "The request says no-store.",
            CacheReason::ResponseNoStore => "The response says no-store.",
            CacheReason::Private => "The response says private, and this cache is shared.",
            CacheReason::Authorization => {
                "The request has credentials, and the response does not allow a shared cache to keep it."
            }
            CacheReason::Status => "Responses with this status are not stored.",
            CacheReason::StatusNotUnderstood => {
                "The response says must-understand, and its status is not known here."
            }
            CacheReason::VaryStar => "The response varies by more than the request (Vary: *).",
            CacheReason::NoLifetime => {
                "The response gives no lifetime and nothing to validate it with."
            }
            CacheReason::TooLarge => "The body is larger than the largest object.",
            CacheReason::BadContentRange => "Content-Range does not fit the response.",
            CacheReason::OtherRepresentation => {
                "The part belongs to another representation than the stored ones."
            }
            CacheReason::BadField => "A field of the response is malformed.",
            CacheReason::SetCookie => {
                "The response sets a cookie without saying that a shared cache may keep it."
            }
            CacheReason::PostWithoutLocation => {
                "A response to POST is stored only with a lifetime and its own URL in Content-Location."
            }
            CacheReason::MethodOverride => "The request asks for another method in a field.",
            CacheReason::RequestBody => "The request has a body.",
            CacheReason::OriginCondition => {
                "The request has a condition that only the origin judges."
            }
            CacheReason::UrlTooLong => "The URL is too long.",
            CacheReason::VaryTooLong => "Vary names too many fields, or their values are too long.",
            CacheReason::Expired => "Its lifetime is over.",
            CacheReason::HeuristicExpired => "Its lifetime, derived from Last-Modified, is over.",
            CacheReason::NoCache => "The response says no-cache.",
            CacheReason::RequestNoCache => "The request says no-cache.",
            CacheReason::RequestMaxAge => "The request accepts only younger responses (max-age).",
            CacheReason::RequestMinFresh => "The request wants it fresh for longer (min-fresh).",
            CacheReason::MustRevalidate => "Its lifetime is over, and it says must-revalidate.",
            CacheReason::Invalidated => "It was invalidated.",
            CacheReason::VaryMismatch => "The request differs in a field that Vary names.",
            CacheReason::NotStored => "It is not stored.",
            CacheReason::Uncacheable => "A response to it could not be stored a short time ago.",
            CacheReason::UnknownPage => {
                "A browser asks for a part of a page and does not say of which page."
            }
            CacheReason::RangeNotStored => "The requested range is not stored.",
        }
    }
}

impl fmt::Display for CacheReason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.sentence())
    }
}
