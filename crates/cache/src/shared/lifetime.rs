//! How long what is in the store is kept.

use std::time::Duration;

/// The longest time for which a value is kept.
pub(crate) const MAX_VALUE_LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long a generation is kept: every entry from before it is gone then.
pub const GENERATION_LIFETIME: Duration = Duration::from_secs(2 * MAX_VALUE_LIFETIME.as_secs());
