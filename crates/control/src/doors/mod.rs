//! Where callers come in: a Unix socket, and TCP where the configuration asks for it.

pub mod serve;
pub mod tcp;
#[cfg(unix)]
pub mod unix;
