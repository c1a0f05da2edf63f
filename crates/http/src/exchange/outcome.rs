//! What an exchange needs to know of its request, and how it can end.

use crate::head::{BadRequest, Method};

/// The properties of a request that the response depends on.
#[derive(Debug, Clone, Copy)]
pub struct RequestTraits {
    pub method: Method,
    /// The client speaks HTTP/1.1: it takes chunks and interim responses.
    pub modern: bool,
    pub keep_alive: bool,
    pub upgrades: bool,
    /// The client may wait for a 100 before it sends the body (RFC 9110 §10.1.1).
    pub expects_continue: bool,
    /// The request authenticates the upstream connection (NTLM, Negotiate).
    pub authenticates_connection: bool,
    /// The request may be sent again if this connection ends without a byte of a response, and while its body is kept.
    pub may_repeat: bool,
    /// The origin can say that it did not begin with the request (HTTP/2): its body is kept for that.
    pub may_be_refused: bool,
    /// The next hop is an HTTP proxy.
    pub through_proxy: bool,
}

/// How an exchange ended.
#[derive(Debug)]
pub enum Outcome {
    /// The client has the response.
    Done {
        keep_client: bool,
        keep_origin: bool,
        /// The connection to the origin belongs to this client from here on.
        pins_origin: bool,
        /// The whole request was sent.
        uploaded: bool,
    },
    /// The observer took the response: its body is still to be read from the origin's connection.
    Taken {
        /// The connection can be kept once the body was read.
        keep_origin: bool,
    },
    /// The client has the 101: the connection is a tunnel from here on.
    Switched,
    /// Nothing came back and nothing was consumed: try a new connection.
    Repeat,
    /// The origin failed before the client received anything.
    BadGateway {
        status: u16,
        reason: &'static str,
        text: String,
    },
    /// The request's body is malformed or came too slowly, and the client has received nothing yet.
    BadRequest(BadRequest),
    /// The request's body is larger than the service accepts, and the client has received nothing yet.
    TooLarge,
    /// A scan stopped a body, and the client has received nothing yet.
    Refused { text: String },
    /// One side failed after the response had started. `reset`: only a reset shows the client that it is incomplete.
    Broken { reset: bool, text: String },
    /// The idle timeout passed.
    Idle,
    /// The connection is to be closed.
    Cancelled,
}

/// Why a gateway is bad: the origin sent nothing, or broke off before the client received anything.
pub const NO_RESPONSE: &str = "no response";
/// It was silent for too long.
pub const TIMED_OUT: &str = "timed out";

impl Outcome {
    /// The origin was silent for too long, or took no more of the request.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::BadGateway { reason, .. } if *reason == TIMED_OUT)
    }
}

pub fn bad_gateway(status: u16, reason: &'static str, text: String) -> Outcome {
    Outcome::BadGateway {
        status,
        reason,
        text,
    }
}
