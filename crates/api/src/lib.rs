//! The control API as its callers see it: where the control socket is, how a request is sent, and the event stream. It does
//! not link the engine.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod address;
pub mod event_stream;
pub mod paths;
pub mod transport;

pub use event_stream::{Event, EventStream};
pub use transport::{Endpoint, FullResponse, TransportError};
