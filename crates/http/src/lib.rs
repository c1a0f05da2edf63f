//! What can be read: HTTP proxying on httparse. Heads are parsed, checked and written anew; bodies are relayed.
//!
//! [`head`] and [`body`] know no socket: bytes in, checked messages out. [`headers`] says which fields go on.
//! [`forward`] is the loop of one client connection; what it needs of the engine is [`gateway`].
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

pub use forward::serve;
