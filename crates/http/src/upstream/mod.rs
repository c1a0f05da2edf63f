//! Connections to origins and HTTP upstreams: HTTP/1 ones idle in the thread's [`pool`] or [`pinned`] to one client,
//! HTTP/2 ones [`shared`] by requests.

pub(crate) mod connection;
pub(crate) mod h1;
pub(crate) mod h2;
pub(crate) mod origin_state;
pub(crate) mod pinned;
pub(crate) mod pool;
pub(crate) mod shared;
mod websocket;

pub(crate) use connection::OriginConnection;
pub(crate) use h2::H2Origin;
