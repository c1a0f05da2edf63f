//! The filter lists: read from files, fetched from URLs, kept as last good versions, handed to the policy as one set.

mod action;
pub(crate) mod fetch;
pub(crate) mod files;
mod list_state;
mod list_versions;
mod most_used;
mod quote;
mod read;
mod record;
mod statistics;
mod status;
mod store;
mod supervise;
mod update;

pub use action::{ListAction, ListActionError};
pub(crate) use list_versions::{Facts, sum_of};
pub(crate) use most_used::most_used;
pub(crate) use quote::quote;
pub(crate) use read::parse;
pub use status::{HeldUpdate, ListPhase, ListState, Version};
pub(crate) use store::{Due, Lists};
pub(crate) use update::{Arrived, Text};
