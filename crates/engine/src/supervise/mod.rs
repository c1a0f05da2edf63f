//! Supervision of the data plane: start, configuration changes, mode, lists, rules, timeline, drain.
//!
//! One task, [`supervisor`], owns what may change and takes commands one at a time. Every change ends in a new
//! [`Snapshot`](crate::snapshot::Snapshot) that the data plane reads.

pub(crate) mod command;
pub(crate) mod configuration;
pub(crate) mod connection_log;
pub(crate) mod drain;
pub(crate) mod launch;
pub(crate) mod lists;
pub(crate) mod mode;
pub(crate) mod rules;
pub(crate) mod set_aside;
mod start;
pub(crate) mod supervisor;
pub(crate) mod timeline;
