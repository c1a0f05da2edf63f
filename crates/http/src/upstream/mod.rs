//! Connections to origins and HTTP upstreams: open, idle in the thread's [`pool`], or [`pinned`] to one client.

pub(crate) mod connection;
mod h1;
pub(crate) mod pinned;
pub(crate) mod pool;

pub(crate) use connection::OriginConnection;
