//! The servers that callers connect to: a Unix socket, and TCP if the configuration says so.

pub mod http;
pub mod tcp;
#[cfg(unix)]
pub mod unix;
