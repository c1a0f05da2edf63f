//! Filter lists: read from files or fetched from URLs, stored in versions, passed to the policy.

mod action;
mod entry;
pub(crate) mod fetch;
pub(crate) mod fetch_job;
mod gzip;
mod http_get;
pub(crate) mod lines;
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
mod warnings;

pub use action::{ListAction, ListActionError};
pub use lines::{ListLines, SkippedLine};
pub(crate) use quote::quote;
#[cfg(test)]
use read::parse;
pub use status::{HeldUpdate, ListPhase, ListState, ListVersion};
pub(crate) use store::Lists;
pub use warnings::list_warnings;
