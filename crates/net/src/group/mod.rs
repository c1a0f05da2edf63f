//! Groups: the health of the members, and which one the next connection takes. Health and selection are pure; the
//! clock and the random number are arguments.

pub(crate) mod health;
pub(crate) mod live_group;
pub(crate) mod selection;

pub(crate) use live_group::Group;
pub(crate) use selection::LastResort;

#[cfg(test)]
mod tests;
