//! HTTP/1: one task per client connection, one request after another.
//!
//! [`connection`] is the loop; [`client`] is the client's side of an exchange, made of [`reader`] and [`writer`].

pub(crate) mod client;
pub(crate) mod connection;
mod linger;
pub(crate) mod pooled;
pub(crate) mod reader;
mod send;
pub(crate) mod writer;
