//! HTTP/1 proxying: one task a client connection. It parses a head once, decides, takes an upstream connection from its
//! thread's pool, writes the new head, and relays the answer.
//!
//! [`serve`] is the loop; [`answer`] says who answers; [`connect`] and [`request`] are the two ways on; [`exchange`] is
//! one request and its response; [`origin`] and [`pool`] hold the far side.

mod connect;
mod deadline;
mod exchange;
mod live_connections;
mod local_response;
mod origin;
mod outcome;
mod pool;
mod reject;
mod request;
mod request_context;
mod respond;
mod scratch;
pub mod serve;

pub use serve::serve;
