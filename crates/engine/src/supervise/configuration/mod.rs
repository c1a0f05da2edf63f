//! A change of configuration: read, assemble a snapshot, replay recorded connections, put in force.

pub(crate) mod assemble;
mod change;
pub(crate) mod reload;
pub(crate) mod replay;
pub(crate) mod watch;
