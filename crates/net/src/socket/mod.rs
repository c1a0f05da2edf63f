//! Opening sockets. Two doors only: [`direct`], which asks for a [`privet_policy::DirectPermit`], and [`entry`], which
//! reaches nothing but the first hop of a configured chain. The attempts behind them are private to this folder, so code
//! without a permit has no way to a target (DESIGN section 2).

mod connect;
pub(crate) mod direct;
pub(crate) mod entry;
mod race;

use std::time::Duration;

/// From the first SYN until some address answered.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
