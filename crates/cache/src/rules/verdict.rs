//! What the rules answer, with a sentence for people who browse entries.

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
    Validate { why: Why, on_error: OnError },
    /// Do not use this stored response for the request.
    MustNot { why: Why },
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
pub enum Why {
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

impl Why {
    /// One short sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Why::Method => "The method is not one whose responses are stored.",
            Why::RequestNoStore => "The request says no-store.",
            Why::ResponseNoStore => "The response says no-store.",
            Why::Private => "The response says private, and this cache is shared.",
            Why::Authorization => {
                "The request has credentials, and the response does not allow a shared cache to keep it."
            }
            Why::Status => "Responses with this status are not stored.",
            Why::StatusNotUnderstood => {
                "The response says must-understand, and its status is not known here."
            }
            Why::VaryStar => "The response varies by more than the request (Vary: *).",
            Why::NoLifetime => "The response gives no lifetime and nothing to validate it with.",
            Why::TooLarge => "The body is larger than the largest object.",
            Why::BadContentRange => "Content-Range does not fit the response.",
            Why::OtherRepresentation => {
                "The part belongs to another representation than the stored ones."
            }
            Why::BadField => "A field of the response is malformed.",
            Why::SetCookie => {
                "The response sets a cookie without saying that a shared cache may keep it."
            }
            Why::PostWithoutLocation => {
                "A response to POST is stored only with a lifetime and its own URL in Content-Location."
            }
            Why::MethodOverride => "The request asks for another method in a field.",
            Why::RequestBody => "The request has a body.",
            Why::OriginCondition => "The request has a condition that only the origin judges.",
            Why::UrlTooLong => "The URL is too long.",
            Why::VaryTooLong => "Vary names too many fields, or their values are too long.",
            Why::Expired => "Its lifetime is over.",
            Why::HeuristicExpired => "Its lifetime, derived from Last-Modified, is over.",
            Why::NoCache => "The response says no-cache.",
            Why::RequestNoCache => "The request says no-cache.",
            Why::RequestMaxAge => "The request accepts only younger responses (max-age).",
            Why::RequestMinFresh => "The request wants it fresh for longer (min-fresh).",
            Why::MustRevalidate => "Its lifetime is over, and it says must-revalidate.",
            Why::Invalidated => "It was invalidated.",
            Why::VaryMismatch => "The request differs in a field that Vary names.",
            Why::NotStored => "It is not stored.",
            Why::Uncacheable => "A response to it could not be stored a short time ago.",
            Why::UnknownPage => {
                "A browser asks for a part of a page and does not say of which page."
            }
            Why::RangeNotStored => "The requested range is not stored.",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.sentence())
    }
}
