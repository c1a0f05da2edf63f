//! The one typed API of a running engine: its calls, their OpenAPI document, its events, its doors and the client of them.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod client;
pub mod doors;
pub mod extract;
pub mod guard;
pub mod logs;
pub mod problem;
pub mod token;

pub use client::{Client, ClientError, Endpoint};
pub use problem::{Diagnostic, Problem};
pub use token::Token;
