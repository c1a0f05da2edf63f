//! HTTP/1 proxying: one task a client connection. It parses a head once, decides, takes an upstream connection from its
//! thread's pool, writes the new head, and relays the answer.
//!
//! [`serve`] is the loop; [`answer`] says who answers; [`connect`] and [`request`] are the two ways on; [`exchange`] is
//! one request and its response; [`origin`] and [`pool`] hold the far side.

mod answer;
mod ask;
mod connect;
mod deadline;
mod exchange;
mod origin;
mod outcome;
mod own;
mod pool;
mod refuse;
mod request;
mod rows;
pub mod serve;
mod work;

pub use serve::serve;
