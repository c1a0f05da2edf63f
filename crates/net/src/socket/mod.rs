//! Opens sockets, in three ways only: [`direct`] needs a [`privet_policy::DirectPermit`], [`entry`] reaches nothing but the
//! first hop of a configured chain, and [`configured`] nothing but endpoints of the configuration. The connect attempts are
//! private to this folder, so code without a permit has no way to a target.

pub(crate) mod configured;
mod connect;
pub(crate) mod direct;
pub(crate) mod entry;
mod race;

pub use connect::is_exhausted;
