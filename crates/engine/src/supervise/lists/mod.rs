//! Filter lists: read from files or fetched from URLs, stored in versions, passed to the policy.

mod action;
mod entry;
pub(crate) mod fetch;
pub(crate) mod fetch_job;
pub(crate) mod files;
mod http_get;
mod most_used;
mod notice;
mod quote;
mod read;
mod record;
mod statistics;
mod status;
mod store;
mod supervise;
mod update;
mod versions;

pub use action::{ListAction, ListActionError};
pub(crate) use quote::quote;
#[cfg(test)]
use read::parse;
pub use status::{HeldUpdate, ListPhase, ListState, ListVersion};
pub(crate) use store::Lists;
