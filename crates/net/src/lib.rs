//! Outward: dialing, chains of upstreams, groups and their health, resolving, and the relay.
//! The only place that opens sockets to the outside.

pub mod dialed;
pub mod error;
pub mod meter;

pub use dialed::{Dialed, Phases, Stream};
pub use error::{DialError, DialErrorKind};
pub use meter::Meter;
