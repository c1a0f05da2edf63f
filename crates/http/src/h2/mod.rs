//! HTTP/2: framing by the h2 crate; one task per client connection and one per stream, which runs the same request flow
//! as HTTP/1.
//!
//! [`connection`] accepts streams; [`request`] turns their heads into the form that HTTP/1's parser checks; [`client`] is
//! the client's side of an exchange, made of [`body`]; [`flood`] bounds frames below the h2 crate.

pub(crate) mod body;
mod client;
mod connection;
pub(crate) mod error;
mod flood;
pub(crate) mod guarded;
mod held_heads;
mod request;
pub(crate) mod send;
pub(crate) mod tunnel;
pub(crate) mod wire;

pub use connection::{Tunnels, serve};
pub use flood::PREFACE;
pub use request::head_text;
