//! The filter lists: read from files, fetched from URLs, kept as last good versions, handed to the policy as one set.

mod act;
mod arrive;
mod figures;
mod known;
mod quote;
mod read;
mod record;
mod shelf;
mod state;
mod store;
mod used;

pub use act::{ListAct, ListRefusal};
pub(crate) use arrive::{Arrived, Text};
pub(crate) use quote::quote;
pub(crate) use read::parse;
pub(crate) use shelf::{Facts, sum_of};
pub use state::{HeldUpdate, ListPhase, ListState, Version};
pub(crate) use store::{Due, Lists};
pub(crate) use used::most_used;
