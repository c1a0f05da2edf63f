//! The servers that callers connect to: a Unix socket, and TCP if the configuration says so.

pub(crate) mod control_server;
pub mod http;
mod request_body;
pub mod tcp;
#[cfg(unix)]
pub mod unix;
