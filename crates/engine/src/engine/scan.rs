//! The scanner, and trying it.

use std::io;
use std::sync::Arc;

use privet_scan::Scanner;

use super::Engine;
use crate::gateway::scan_test::{self, ScanTestResult};

impl Engine {
    /// What scans bodies; `None`: it is off.
    pub fn scanner(&self) -> Option<Arc<Scanner>> {
        self.shared.snapshot.load().scanner.clone()
    }

    /// Fetches a test file from a responder of ours through the HTTP pipeline.
    ///
    /// # Errors
    /// The pipeline did not answer.
    pub async fn test_scan(&self) -> io::Result<ScanTestResult> {
        scan_test::run(self.shared.clone()).await
    }
}
