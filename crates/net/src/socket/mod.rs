//! Opens sockets, in two ways only: [`direct`] needs a [`privet_policy::DirectPermit`], and [`entry`] reaches nothing but
//! the first hop of a configured chain. The connect attempts are private to this folder, so code without a permit has no
//! way to a target.

mod connect;
pub(crate) mod direct;
pub(crate) mod entry;
mod race;
