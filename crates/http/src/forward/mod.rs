//! HTTP/1 proxying, one task per client connection: parse a head, decide, take an upstream connection from the
//! thread's pool, write the new head, relay the response.
//!
//! [`serve`] is the loop; [`respond`] decides who responds; [`connect`] and [`request`] forward; [`exchange`] is one
//! request and its response; [`origin`], [`pool`] and [`pinned`] hold the upstream connections.

mod connect;
mod deadline;
mod exchange;
mod live_connections;
mod local_response;
mod origin;
mod outcome;
mod pinned;
mod pool;
mod reject;
mod request;
mod request_context;
mod respond;
mod scratch;
pub mod serve;
mod wait;

pub use pool::close_idle as close_idle_origins;
pub use serve::serve;
