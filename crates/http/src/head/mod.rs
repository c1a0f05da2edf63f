//! Message heads, without a socket: bytes in, a checked head or the status to refuse with out.
//!
//! `httparse` finds the pieces; what it lets pass and two readers could understand differently is refused here.

pub mod bad_request;
pub mod connection;
pub mod field;
pub mod framing;
pub mod request;
pub mod response;
pub mod scan;
pub mod target;

pub use bad_request::BadRequest;
pub use field::{Field, FieldKind, Span};
pub use framing::BodyLength;
pub use request::{Method, RequestHead};
pub use response::ResponseHead;
pub use target::TargetForm;

/// The most field lines in one head.
pub const MAX_FIELDS: usize = 256;

/// The two versions that are spoken here (RFC 9112 §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Version {
    Http10,
    #[default]
    Http11,
}
