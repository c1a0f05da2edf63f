//! Watches the files of the scanner's rules.

use std::time::Instant;

use crate::supervise::lists::files::ListFileWatch;

/// The watched files of rules.
pub(crate) struct ScanRuleWatch {
    pub(super) watch: ListFileWatch,
    pub(super) checked: Instant,
}

impl Default for ScanRuleWatch {
    fn default() -> Self {
        Self {
            watch: ListFileWatch::default(),
            checked: Instant::now(),
        }
    }
}
