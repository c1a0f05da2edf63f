//! Watches the files of the scanner's rules.

use std::time::Instant;

use crate::supervise::watched_files::WatchedFiles;

/// The watched files of rules.
pub(crate) struct ScanRuleWatch {
    pub(super) watch: WatchedFiles,
    pub(super) checked: Instant,
}

impl Default for ScanRuleWatch {
    fn default() -> Self {
        Self {
            watch: WatchedFiles::default(),
            checked: Instant::now(),
        }
    }
}
