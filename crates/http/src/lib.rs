//! HTTP proxying: heads are parsed with httparse, checked and rewritten; bodies are relayed.
//!
//! [`head`] and [`body`] do no I/O. [`headers`] decides which fields are forwarded. [`h1`] is the loop of one client
//! connection; each request goes through [`request`] and [`exchange`]. What happens to a request is decided by a
//! [`service::Service`].
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
pub mod cache;
mod exchange;
mod h1;
pub mod h2;
pub mod head;
pub mod headers;
mod request;
mod respond;
mod scanning;
pub mod service;
pub mod turn;
mod upstream;

pub use h1::connection::serve;
pub use request::RequestedUrl;
pub use upstream::pool::close_idle as close_idle_origins;

/// Frees the memory that the calling thread keeps for the requests of its connections.
pub fn free_buffers() {
    body::buffer::free_pool();
    h1::pooled::free::<request::scratch::Scratch>();
    h1::pooled::free::<h1::client::ClientState>();
    h1::pooled::free::<upstream::origin_state::OriginState>();
}
