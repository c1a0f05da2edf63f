//! Changes of configuration: read and plan, preview or apply, activate the new snapshot.

pub(crate) mod activate;
mod apply;
pub(crate) mod assemble;
pub(crate) mod file;
mod kill_switch;
pub(crate) mod plan;
mod preview;
pub(crate) mod rehearse;
mod replay;
pub(crate) mod report;
pub(crate) mod revoke;
pub(crate) mod secrets;
#[cfg(test)]
mod tests;
pub(crate) mod watch;
