//! The one deadline of all tests.

use std::time::Duration;

/// How long a test waits for anything: far longer than it takes, even on a busy machine.
pub const TIMEOUT: Duration = Duration::from_secs(45);
