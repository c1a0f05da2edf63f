//! A store that several machines share, behind memory and disk: what its values are called, what they contain, and what
//! a purge means for it. The store itself is an engine that somebody else runs ([`SharedStore`]), so everything that is
//! read from it is checked as if an origin had sent it.
//!
//! Only shared caches have one. Requests with credentials and responses that set cookies are no matter of it.

mod ask;
pub(crate) mod current;
mod fill;
pub mod generations;
pub mod key;
mod lifetime;
mod marks;
mod put;
pub mod store;
mod tier;
pub mod value;

pub use ask::{Got, Read, SharedAsk, SharedEntry};
pub use fill::SharedFill;
pub use generations::{Generations, PendingPurge, Purges};
pub use key::{PurgeReach, PurgedPart, Scope, Scopes, SharedKey};
pub use lifetime::GENERATION_LIFETIME;
pub use put::{SharedPut, Write};
pub use store::{Getting, GettingTags, SharedCounters, SharedStats, SharedStore};
pub use value::{MOST_BODY, MOST_VALUE, check, kept_for};

#[cfg(test)]
mod purge_tests;
#[cfg(test)]
mod tests;
