//! How the steps of sending a request to an origin end.

use super::flow::NextStep;
use crate::service::OwnResponse;
use crate::upstream::OriginConnection;
use crate::upstream::shared::SharedConnection;

/// A connection for a request.
pub(super) enum Lease {
    /// HTTP/1, new or from the pool.
    Open(Box<OriginConnection>),
    /// HTTP/2. The flag: it was opened for this request. Boxed, since a lease is moved several times.
    Shared(Box<SharedConnection>, bool),
    /// The origin turned out to speak another version: ask again.
    Again,
    /// No connection; the response that says why.
    Failed(OwnResponse, Failed),
    /// The client gave up; that is recorded.
    Gone,
}

/// How fetching ended.
pub(crate) enum Fetched {
    Next(NextStep),
    /// There is no response of an origin, and the client has received nothing yet.
    Failed(OwnResponse, Failed),
    /// The observer took the response. The number: the row of the origin's connection.
    Taken(usize),
}

/// Why there is no response of an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failed {
    /// It cannot be reached, or it closed the connection or kept silent instead of answering.
    NoAnswer,
    /// Its response is malformed, or this process does not ask it.
    Other,
}

/// How sending a request on one connection ended.
pub(super) enum Sent {
    Concluded(Fetched),
    /// There is no byte of a response, and the request may be sent again. `to_same`: to this origin; otherwise it was tried
    /// on a new connection, and the failure is reported.
    Repeat {
        to_same: bool,
    },
    /// Nothing was sent: the request goes over HTTP/1, as [`crate::service::Fetch::use_http1`] allowed.
    OverHttp1,
}
