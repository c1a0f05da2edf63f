//! Groups: which member the next connection takes, and how each member fares. Pure: clock and dice are arguments, sockets
//! live in [`crate::attempts`] and [`crate::checks`].

pub(crate) mod health;
pub(crate) mod pick;
pub(crate) mod watched;

pub(crate) use health::{Health, Rhythm};
pub(crate) use pick::Members;
pub(crate) use watched::Group;

#[cfg(test)]
mod tests;
