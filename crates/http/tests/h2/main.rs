//! HTTP/2 clients through the serve loop over loopback.

#[path = "../common/mod.rs"]
mod common;

mod hostile;
mod messages;
mod support;
mod tunnels;
