//! The filter lists: read from files, fetched from URLs, kept as last good copies, handed to the policy as one set.

mod copy;
mod quote;
mod store;

pub(crate) use copy::{Copy, Facts};
pub(crate) use quote::quote;
pub use store::ListState;
pub(crate) use store::{Due, Lists, Parsed, parse};
