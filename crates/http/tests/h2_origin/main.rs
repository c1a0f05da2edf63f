//! Requests to an origin that speaks HTTP/2, from clients of both versions.

#[path = "../common/mod.rs"]
mod common;

mod requests;
mod site;
