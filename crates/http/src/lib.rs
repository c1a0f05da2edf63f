//! HTTP proxying: heads are parsed with httparse, checked and rewritten; bodies are relayed.
//!
//! [`head`] and [`body`] do no I/O. [`headers`] decides which fields are forwarded. [`forward`] is the loop of one
//! client connection; it reaches the data path through [`privet_gateway::Gateway`].
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod body;
mod error_page;
pub mod forward;
pub mod head;
pub mod headers;
mod proxy_auth;

pub use forward::{close_idle_origins, serve};
