//! Groups: which member the next connection takes, and how each member fares. Pure: clock and dice are arguments, sockets
//! live in [`crate::attempts`] and [`crate::health_check`].

pub(crate) mod health;
pub(crate) mod live_group;
pub(crate) mod selection;

pub(crate) use live_group::Group;
pub(crate) use selection::LastResort;

#[cfg(test)]
mod tests;
