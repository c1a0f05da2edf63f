//! `/api/v1/doctor`: what is wrong, each finding with its fix.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// All findings, including those that are fine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Diagnosis {
    /// Nothing is wrong; warnings do not count.
    pub healthy: bool,
    pub findings: Vec<Finding>,
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// What was checked: "engine", "configuration", "listener", "upstream", "clock", "permissions", "keyring", "files", "system proxy".
    pub check: String,
    pub state: FindingState,
    pub text: String,
    /// What to do, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub fix: Option<String>,
}

/// How serious a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FindingState {
    Ok,
    Warning,
    Wrong,
}

impl Finding {
    pub fn ok(check: &str, text: impl Into<String>) -> Self {
        Self {
            check: check.to_owned(),
            state: FindingState::Ok,
            text: text.into(),
            fix: None,
        }
    }

    pub fn warning(check: &str, text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            state: FindingState::Warning,
            fix: Some(fix.into()),
            ..Self::ok(check, text)
        }
    }

    pub fn wrong(check: &str, text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            state: FindingState::Wrong,
            ..Self::warning(check, text, fix)
        }
    }
}

impl Diagnosis {
    pub fn new(findings: Vec<Finding>) -> Self {
        Self {
            healthy: findings
                .iter()
                .all(|finding| finding.state != FindingState::Wrong),
            findings,
        }
    }
}
