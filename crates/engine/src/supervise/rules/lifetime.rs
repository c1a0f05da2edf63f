//! How long a rule lasts.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// How long a rule lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleLifetime {
    Permanent,
    /// Until this time, which may have passed.
    Until(SystemTime),
    /// For the next connection that matches.
    Once,
    /// Until the engine ends.
    UntilQuit,
}

/// How long a temporary rule lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TemporaryLifetime {
    /// For the next connection that matches.
    Once,
    /// Until the engine ends.
    UntilQuit,
}
