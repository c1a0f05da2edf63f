//! Says what is wrong with the rules of the scanner.

use crate::supervise::supervisor::Supervisor;

/// The subject of the problem.
const ABOUT: &str = "scan";

impl Supervisor {
    /// Raises or closes the problem of files of rules that cannot be used.
    pub(crate) fn report_scan_problems(&self) {
        let scanner = self.shared.snapshot.load().scanner.clone();
        let faults = scanner.as_ref().map(|scanner| scanner.faults());
        let Some((first, others)) = faults.and_then(<[_]>::split_first) else {
            return self.shared.problems.clear(ABOUT);
        };
        let more = match others.len() {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        let text = format!("rules of the scanner are not used: {first}{more}");
        let fix = "correct the file, or `rules` under [scan], and reload";
        self.shared.problems.raise_if_new(ABOUT, text, fix);
    }
}
