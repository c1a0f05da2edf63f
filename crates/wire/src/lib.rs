//! How a door reaches a running engine: where its control socket is, and calls and events over it, as bytes. It knows
//! neither the engine nor what the calls mean, so that the window can be built without them.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod events;
pub mod exchange;
pub mod places;

pub use events::{Event, Events};
pub use exchange::{Answer, Endpoint, WireError, exchange, whole};
