//! The cache in the pipeline: which requests ask it, how its answers reach clients, how it receives responses.
//!
//! [`flow`] is the way of a request through it; [`filling`] decides on the response of an origin; [`fill`] receives a body
//! apart from any client; [`delivery`] writes an answer to a client, whichever version of HTTP it speaks.

mod answer;
mod delivery;
mod fields;
mod fill;
mod fill_observer;
mod flow;
mod head_update_observer;
mod invalidation_observer;
mod lead;
mod multipart;
pub(crate) mod observer;
mod origin_request;
mod partition;
mod refresh;
mod scanned_entries;
mod scope;
mod shared_store;
mod sink;
pub(crate) mod status;
mod stored_body;
mod stored_only;
mod url;

pub use scope::{CacheKind, CacheScope};
