//! `/api/v1/scan`: the scanners, what they stopped, and trying them.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The scanners and what they did since the program started, or `max_body` changed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScanState {
    pub enabled: bool,
    /// What happens where a scanner cannot answer: `block` or `pass`.
    pub on_error: String,
    /// What happens to larger bodies: `block` or `pass`.
    pub oversize: String,
    /// Bytes: the largest body that is scanned.
    pub max_body: u64,
    /// Bytes of bodies that wait for their verdict in memory.
    pub held_bytes: u64,
    /// The most of them in memory.
    pub held_limit: u64,
    /// Bytes of bodies that wait on disk, since there was no memory.
    pub spooled_bytes: u64,
    pub spool_limit: u64,
    /// Bodies that were found clean.
    pub clean: u64,
    /// Bodies that were stopped by a finding.
    pub bad: u64,
    /// Bodies for which there was no verdict.
    pub failed: u64,
    /// Bodies that passed because they are larger than `max_body`.
    pub oversize_passed: u64,
    pub engines: Vec<ScanEngine>,
    /// What was stopped, newest first, at most 50.
    pub recent: Vec<ScanFinding>,
}

/// One scanner.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScanEngine {
    /// `yara`, `clamd` or `icap`.
    pub engine: String,
    /// `ready`; `empty`: it has no rules; `failed`: `faults` says why.
    pub state: String,
    /// What it says of itself.
    pub version: Option<String>,
    /// When its signatures were made; `null`: it does not say.
    pub signatures_ms: Option<u64>,
    /// They are older than seven days.
    pub signatures_old: bool,
    /// Compiled rules; `null`: it is outside the program.
    pub rules: Option<u64>,
    pub scanned: u64,
    pub bad: u64,
    pub errors: u64,
    pub bytes: u64,
    /// How fast it was so far; `null`: it was not asked yet.
    pub bytes_per_second: Option<f64>,
    pub last_error: Option<String>,
    /// What is wrong now.
    pub faults: Vec<String>,
}

/// A body that was stopped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScanFinding {
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// "?…" stands for a query.
    pub url: String,
    /// The address of the client that asked.
    pub client: Option<String>,
    pub engine: String,
    pub rule: String,
    pub sha256: String,
}

/// How a test ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScanTest {
    /// The scanners stopped the test file.
    pub passed: bool,
    /// The status that a client would have got; `null` for a file.
    pub status: Option<u16>,
    /// `clean`, `bad` or `error`.
    pub verdict: String,
    pub engine: Option<String>,
    pub rule: Option<String>,
    pub sha256: Option<String>,
    /// What happened, as a sentence.
    pub text: String,
}

/// A file that is tried.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ScanFileQuery {
    /// Its name, for scanners that look at it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[param(max_length = 255, example = "setup.exe")]
    pub name: String,
}

/// A body that was stopped and may be taken once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScanAllowance {
    /// Of the body, as `recent` has it.
    #[schema(min_length = 64, max_length = 64)]
    pub sha256: String,
    /// The client that may take it; without one, the last that was stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 64, nullable = false)]
    pub client: Option<String>,
}

/// Who may take a body once, and until when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScanAllowed {
    pub sha256: String,
    pub client: Option<String>,
    /// Milliseconds since 1970.
    pub until_ms: u64,
}
