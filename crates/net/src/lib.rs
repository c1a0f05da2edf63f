//! Outward: dialing, chains of upstreams, groups and their health, resolving, and the relay.
//! The only place that opens sockets to the outside.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod associate;
mod attempts;
pub mod bind;
pub mod build;
pub mod chain;
mod checks;
pub mod dialed;
pub mod error;
mod group;
pub mod health;
pub mod hop;
pub mod meter;
pub mod outward;
pub mod own;
pub mod relay;
mod resolve;
mod socket;
mod tls_to;

pub use build::BuildError;
pub use chain::OpenChain;
pub use dialed::{AbsoluteForm, Dialed, Phases, Stream};
pub use error::{DialError, DialErrorKind};
pub use health::{OutletHealth, TestReport};
pub use meter::Meter;
pub use outward::{Outward, Wish};
pub use own::OwnSockets;
pub use relay::{Early, RelayEnd, Side, relay};
pub use tls_to::tls_to;
