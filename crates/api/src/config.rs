//! `/api/v1/config`, `/api/v1/config/file`: what a change of the configuration does, and the file itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::problem::Diagnostic;
use crate::why::Outcome;

/// Media type of a whole configuration file.
pub const TOML: &str = "application/toml";

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChangeQuery {
    /// Only answer what the change would do.
    #[serde(default)]
    #[param(default = false)]
    pub dry_run: bool,
}

/// What a change did or would do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// It was applied; `false`: a dry run.
    pub applied: bool,
    /// What is valid but probably not intended.
    pub warnings: Vec<Diagnostic>,
    /// Addresses that are listened on from now on.
    pub opened: Vec<String>,
    /// Addresses that are no longer listened on.
    pub closed: Vec<String>,
    /// Open connections that the new configuration does not allow.
    pub connections_closed: u64,
    /// Of a dry run: the recorded connections, decided by the new configuration.
    pub replay: Option<Replay>,
    /// Its id in the timeline, by which it can be undone; `null`: nothing was changed.
    #[serde(default)]
    pub change: Option<u64>,
}

/// Recorded connections, decided by another configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Replay {
    /// In one sentence.
    #[schema(
        example = "214 of 9310 connections, of 3 programs, would have gone differently: 6 blocked, 0 no longer blocked, 208 by another route"
    )]
    pub summary: String,
    /// Connections that were decided again.
    pub total: u64,
    /// Those with another decision: the sum of the next three.
    pub changed: u64,
    /// Were allowed, and would be blocked.
    pub newly_blocked: u64,
    /// Were blocked, and would be allowed.
    pub newly_allowed: u64,
    /// Were allowed, and would take another route.
    pub rerouted: u64,
    /// Are allowed both times, and HTTPS in them would be inspected.
    #[serde(default)]
    pub newly_inspected: u64,
    /// Are allowed both times, and would not be inspected any more.
    #[serde(default)]
    pub no_longer_inspected: u64,
    /// Are allowed both times, and bodies would be scanned.
    #[serde(default)]
    pub newly_scanned: u64,
    /// Are allowed both times, and bodies would not be scanned any more.
    #[serde(default)]
    pub no_longer_scanned: u64,
    /// The first hundred of the changed ones.
    pub differing: Vec<ReplayDifference>,
    /// By the program's name.
    pub by_app: BTreeMap<String, ReplayCounts>,
}

/// Connections of one program.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplayCounts {
    pub newly_blocked: u64,
    pub newly_allowed: u64,
    pub rerouted: u64,
}

/// One connection with another decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplayDifference {
    /// When it was, in milliseconds since 1970.
    pub at_ms: u64,
    pub app: Option<String>,
    pub user: Option<String>,
    pub target: String,
    /// The decision of the running configuration.
    pub before: Outcome,
    /// The decision of the changed configuration.
    pub after: Outcome,
}

/// The configuration file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConfigFile {
    /// Its path; it need not exist.
    pub path: String,
    /// The whole text with its comments. Secrets are replaced by `***1`, `***2`, …
    pub text: String,
    /// Changes with the text.
    pub version: String,
}

/// A new text for the configuration file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigFileUpdate {
    /// A placeholder `***1` stands for the secret that it replaced when the file was read.
    #[schema(max_length = 1_000_000, example = "mode = \"standard\"\n")]
    pub text: String,
    /// The version that was read; if the file has changed since, nothing is written.
    #[schema(max_length = 64, example = "0123456789abcdef")]
    pub version: String,
}
