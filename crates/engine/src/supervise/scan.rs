//! Keeps the rules of the scanner as their files are, and says what is wrong with its rules and signatures.

use std::time::{Duration, Instant};

use privet_scan::yara;

use crate::supervise::command::Command;
use crate::supervise::supervisor::Supervisor;
use crate::supervise::watched_files::WatchedFiles;

/// The subjects of the problems.
const ABOUT: &str = "scan";
const SIGNATURES: &str = "scan:signatures";
const OUTSIDE: &str = "scan:outside";
/// How often the files are looked at although no change was reported: a pattern may match a new one.
const CHECK: Duration = Duration::from_secs(10);

impl Supervisor {
    /// Watches the files of the rules, and raises or closes the problem of those that cannot be used.
    pub(crate) fn watch_scan_rules(&mut self) {
        let scanner = self.shared.snapshot.load().scanner.clone();
        let files = scanner.map(|scanner| scanner.rule_files());
        let files = files.unwrap_or_default();
        if files != self.scan_rules.watch.files() {
            let changed = || Command::ScanRulesChanged;
            let commands = self.commands.clone();
            self.scan_rules.watch = WatchedFiles::start(files, commands, changed);
        }
        self.report_scan_problems();
    }

    /// Looks at the rules every [`CHECK`], and at the age of signatures.
    pub(crate) async fn tick_scan(&mut self) {
        let scanner = self.shared.snapshot.load().scanner.clone();
        if let Some(scanner) = &scanner {
            scanner.check_in_background();
        }
        let outside = scanner.as_ref().map(|scanner| scanner.outside_faults());
        match outside.filter(|faults| !faults.is_empty()) {
            None => self.shared.problems.clear(OUTSIDE),
            Some(faults) => {
                let text = format!("a scanner cannot be asked: {}", faults.join("; "));
                let fix = "start it, or correct its address under [scan]; until then `on_error` decides about bodies";
                self.shared.problems.raise_if_new(OUTSIDE, text, fix);
            }
        }
        match scanner.and_then(|scanner| scanner.old_signatures()) {
            None => self.shared.problems.clear(SIGNATURES),
            Some(text) => {
                let fix = "see why freshclam does not update them";
                self.shared.problems.raise_if_new(SIGNATURES, text, fix);
            }
        }
        if self.scan_rules.checked.elapsed() >= CHECK {
            self.scan_rules_changed().await;
        }
    }

    /// Reads the rules again, where their files have changed.
    pub(crate) async fn scan_rules_changed(&mut self) {
        self.scan_rules.checked = Instant::now();
        let snapshot = self.shared.snapshot.load_full();
        let Some(scanner) = snapshot.scanner.clone() else {
            return;
        };
        let rules = snapshot.config.scan.rules.clone();
        drop(snapshot);
        let looking = tokio::task::spawn_blocking(move || yara::fingerprint(&rules));
        if looking.await.ok() == Some(scanner.rules_fingerprint()) {
            return;
        }
        self.apply_lists().await;
        self.watch_scan_rules();
        tracing::info!("read the rules of the scanner again");
    }

    fn report_scan_problems(&self) {
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
        let fix = "correct the file, or `rules` under [scan]";
        self.shared.problems.raise_if_new(ABOUT, text, fix);
    }
}
