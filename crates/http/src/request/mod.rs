//! One request from its head to the end of its response: who responds, by which connection, what is recorded.
//!
//! [`flow`] decides who responds; [`fetch`] and [`fetch_shared`] send to an origin by one
//! [`attempt`] after another; [`tunnel`] opens a tunnel; [`live_connections`] are the
//! rows of a client connection.

mod attempt;
pub(crate) mod client_state;
pub(crate) mod fetch;
mod fetch_shared;
pub(crate) mod fetched;
pub(crate) mod flow;
pub(crate) mod live_connections;
pub(crate) mod scratch;
mod take_idle;
mod tunnel;
mod urls;

pub use urls::RequestedUrl;

pub(crate) use flow::{NextStep, RequestFlow};
