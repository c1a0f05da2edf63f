//! Message heads without I/O: parses bytes into a checked head, or into the status to reject it with.
//!
//! `httparse` parses. Whatever it accepts and two readers could understand differently is rejected here.

pub mod bad_request;
mod bad_response;
pub mod connection;
pub mod field;
pub mod framing;
pub mod method;
mod obsolete;
pub mod request;
mod request_fault;
pub mod response;
pub mod scan;
pub mod target;
pub mod upgrade;
pub mod version;

pub use bad_request::BadRequest;
pub use field::{Field, FieldKind, MAX_FIELDS, Span};
pub use framing::BodyLength;
pub use method::Method;
pub use request::RequestHead;
pub use response::ResponseHead;
pub use target::{Scheme, TargetForm, TargetRule};
pub use version::Version;
