//! HTTP/1 proxying: one task a client connection. It parses a head once, decides, takes an upstream connection from its
//! thread's pool, writes the new head, and relays the answer.
//!
//! [`serve`] is the loop; [`exchange`] is one request and its response; [`origin`] and [`pool`] hold the far side.

mod deadline;
mod exchange;
mod origin;
mod own;
mod pool;
mod refuse;
mod rows;
pub mod serve;
mod work;

pub use serve::{Served, serve};
