//! The result of a scan, as rows and error pages show it.

use std::sync::Arc;
use std::time::Duration;

use privet_connection_log::requests::RequestScan;
use privet_scan::{Finding, Verdict};

/// How a scan ended, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ScanOutcome {
    Clean,
    StreamPassed,
    UnscannablePassed,
    OversizePassed,
    ErrorPassed,
    BadPassed,
    Oversize,
    Error,
    Bad,
}

impl ScanOutcome {
    pub fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::StreamPassed => "stream passed",
            Self::UnscannablePassed => "unscannable passed",
            Self::OversizePassed => "oversize passed",
            Self::ErrorPassed => "error passed",
            Self::BadPassed => "bad passed",
            Self::Oversize => "oversize",
            Self::Error => "error",
            Self::Bad => "bad",
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct ScanReport {
    pub outcome: ScanOutcome,
    pub finding: Option<Finding>,
    pub why: Option<Arc<str>>,
    pub took: Duration,
}

impl ScanReport {
    pub fn of(outcome: ScanOutcome) -> Self {
        Self {
            outcome,
            finding: None,
            why: None,
            took: Duration::ZERO,
        }
    }

    pub fn error(passed: bool, why: impl Into<Arc<str>>) -> Self {
        Self {
            why: Some(why.into()),
            ..Self::of(if passed {
                ScanOutcome::ErrorPassed
            } else {
                ScanOutcome::Error
            })
        }
    }

    /// What a verdict means. `takes_risk` uses up the permission to take what is bad.
    pub fn of_verdict(
        verdict: Verdict,
        block_on_error: bool,
        takes_risk: impl FnOnce(&Finding) -> bool,
    ) -> Self {
        match verdict {
            Verdict::Clean => Self::of(ScanOutcome::Clean),
            Verdict::Unscannable(why) => Self {
                why: Some(why),
                ..Self::of(ScanOutcome::UnscannablePassed)
            },
            Verdict::Bad(finding) => {
                let outcome = match takes_risk(&finding) {
                    true => ScanOutcome::BadPassed,
                    false => ScanOutcome::Bad,
                };
                Self {
                    finding: Some(finding),
                    ..Self::of(outcome)
                }
            }
            Verdict::Error(why) => Self::error(!block_on_error, why),
        }
    }

    /// Whether the body was stopped.
    pub fn blocks(&self) -> bool {
        self.outcome >= ScanOutcome::Oversize
    }

    /// What happened, as a sentence.
    pub fn text(&self) -> String {
        match (&self.finding, &self.why) {
            (Some(found), _) => format!(
                "the scan found {} ({}); SHA-256 {}",
                found.rule,
                found.engine.name(),
                found.sha256
            ),
            (None, Some(why)) => format!("the scan failed: {why}"),
            (None, None) if self.outcome == ScanOutcome::Oversize => {
                "the body is larger than is scanned".to_owned()
            }
            (None, None) => self.outcome.name().to_owned(),
        }
    }

    pub fn row(&self) -> RequestScan {
        let finding = self.finding.as_ref();
        RequestScan {
            verdict: self.outcome.name(),
            engine: finding.map(|found| found.engine.name()),
            rule: finding.map(|found| found.rule.clone()),
            sha256: finding.map(|found| found.sha256.clone()),
            why: self.why.clone(),
            took: self.took,
        }
    }
}
