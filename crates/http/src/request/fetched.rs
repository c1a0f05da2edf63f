//! How the steps of sending a request to an origin end.

use super::flow::NextStep;
use crate::service::OwnResponse;
use crate::upstream::OriginConnection;

/// A request on a new or pooled connection.
pub(super) enum Lease {
    Open(Box<OriginConnection>),
    /// No connection; the response that says why.
    Failed(OwnResponse),
    /// The client gave up; that is recorded.
    Gone,
}

/// How fetching ended.
pub(crate) enum Fetched {
    Next(NextStep),
    /// No origin answered, and the client has received nothing yet.
    Failed(OwnResponse),
    /// The observer took the response. The number: the row of the origin's connection.
    Taken(usize),
}

/// How sending a request on one connection ended.
pub(super) enum Sent {
    Concluded(Fetched),
    /// The connection broke without a byte of a response, and the request may be sent again.
    Repeat,
}
