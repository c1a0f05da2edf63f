//! What an exchange has to know of its request, and how it may end.

use privet_config::HeaderMode;

use crate::head::BadRequest;

/// What of the request the response depends on.
#[derive(Debug, Clone, Copy)]
pub struct RequestTraits {
    pub is_head: bool,
    /// The client speaks HTTP/1.1: it takes chunks and interim responses.
    pub modern: bool,
    pub keep_alive: bool,
    pub upgrades: bool,
    /// It may be sent once more when the far end closed the connection under it.
    pub may_repeat: bool,
    pub mode: HeaderMode,
}

/// How an exchange ended.
#[derive(Debug)]
pub enum Outcome {
    /// The response is with the client.
    Done {
        keep_client: bool,
        keep_origin: bool,
    },
    /// 101 is with the client: from here on it is a tunnel.
    Switched,
    /// Nothing came back and nothing was consumed: try a fresh connection.
    Repeat,
    /// The far end failed before the client got anything.
    BadGateway {
        status: u16,
        reason: &'static str,
        text: String,
    },
    /// The request's body is malformed, and the client got nothing yet.
    BadRequest(BadRequest),
    /// One side broke when the response had begun. `reset`: only a reset can tell the client that it is incomplete.
    Broken { reset: bool, text: String },
    /// No byte moved for too long.
    Idle,
    /// Somebody wants it closed.
    Cancelled,
}

pub fn bad_gateway(status: u16, reason: &'static str, text: String) -> Outcome {
    Outcome::BadGateway {
        status,
        reason,
        text,
    }
}
