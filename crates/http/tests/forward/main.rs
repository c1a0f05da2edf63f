//! The HTTP proxy: requests forwarded to real origins over loopback.

#[path = "../common/mod.rs"]
mod common;

mod bodies;
mod endings;
mod heads;
mod kept_connections;
mod support;
mod upgrades;
