//! Supervision of the data plane: start, configuration changes, mode, lists, rules, timeline, drain.
//!
//! One task, [`supervisor`], owns what may change and handles commands one at a time in [`run`]. Every change ends in a
//! new [`Snapshot`](crate::snapshot::Snapshot) that the data plane reads.

mod certificate_watch;
pub(crate) mod certificates;
pub(crate) mod command;
pub(crate) mod configuration;
pub(crate) mod connection_log;
pub(crate) mod drain;
mod inspection;
pub(crate) mod lists;
mod memory;
pub(crate) mod mode;
pub(crate) mod options;
pub(crate) mod rules;
mod run;
mod scan;
mod scan_rule_watch;
pub(crate) mod set_aside;
pub(crate) mod sites;
mod start;
pub(crate) mod start_error;
pub(crate) mod supervisor;
pub(crate) mod timeline;
mod watched_files;
