//! One request and its response: both directions between a client and a leased connection to the origin.
//!
//! [`exchange`] is generic over both sides ([`downstream`], [`upstream`]), so that each pair of versions is compiled for
//! itself and HTTP/1 to HTTP/1 has no dynamic dispatch.

pub(crate) mod deadline;
pub(crate) mod downstream;
#[expect(clippy::module_inception, reason = "the exchange itself")]
pub(crate) mod exchange;
mod failure;
pub(crate) mod head_observer;
pub(crate) mod observed;
pub(crate) mod outcome;
pub(crate) mod state;
pub(crate) mod upstream;
pub(crate) mod wait;

pub(crate) use deadline::Deadline;
pub(crate) use downstream::Downstream;
pub(crate) use exchange::Exchange;
pub(crate) use observed::Observed;
pub(crate) use outcome::{Outcome, RequestTraits};
pub(crate) use upstream::Upstream;
