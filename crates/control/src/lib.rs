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

pub mod api;
pub mod calls;
pub mod catalogue;
pub mod client;
mod door;
pub mod doors;
pub mod examine;
pub mod export;
pub mod extract;
pub mod guard;
pub mod logs;
pub mod metrics;
pub mod open;
pub mod openapi;
pub mod page;
pub mod problem;
pub mod recipes;
pub mod system_proxy;
pub mod token;

pub use api::Api;
pub use client::{Client, ClientError, Endpoint};
pub use open::{Doors, OpenError};
pub use problem::{Diagnostic, Problem};
pub use system_proxy::{Means, SwitchError, SystemProxy};
pub use token::Token;

/// The API's OpenAPI 3.1 document.
///
/// # Errors
/// None in practice: the document is made of text.
pub fn openapi_json() -> Result<String, serde_json::Error> {
    api::document().to_pretty_json()
}
