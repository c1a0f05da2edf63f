//! Changes of configuration: read and plan, preview or apply, activate the new snapshot.

pub(crate) mod activate;
mod apply;
pub(crate) mod assemble;
pub(crate) mod file;
mod kill_switch;
pub(crate) mod plan;
mod preview;
mod replay;
pub(crate) mod report;
pub(crate) mod revoke;
mod secret_files;
pub(crate) mod secrets;
pub(crate) mod start_check;
#[cfg(test)]
mod tests;
pub(crate) mod watch;
