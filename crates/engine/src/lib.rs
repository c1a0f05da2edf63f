//! Inward: listen → detect → handshake → decide → dial → relay → ledger. Start, reload, drain.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod detect;
pub mod socks;
