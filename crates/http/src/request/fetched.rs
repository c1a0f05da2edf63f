//! How the steps of sending a request to an origin end.

use super::flow::NextStep;
use crate::service::OwnResponse;
use crate::upstream::OriginConnection;

/// A request on a new or pooled connection.
pub(super) enum Lease {
    Open(Box<OriginConnection>),
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
    /// The connection broke without a byte of a response, and the request may be sent again.
    Repeat,
}
