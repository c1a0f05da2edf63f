//! Why a handshake ended without a request.

use super::parsed::ParseError;
use super::reply::ReplyBytes;

pub enum HandshakeError {
    /// The client closed or broke the connection.
    Closed,
    /// It sent what is no message of the protocol at this point: closed without a reply.
    Invalid(ParseError),
    /// This reply is sent before the connection is closed.
    Rejected { reply: ReplyBytes, fault: String },
}
