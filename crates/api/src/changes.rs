//! `/api/v1/changes`: the timeline of what was changed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Most changes in one answer.
pub const MAX_CHANGES: u32 = 200;

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChangesQuery {
    /// Skip this many of the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(default = 0, maximum = 10000000, nullable = false)]
    pub offset: Option<u32>,
    /// Most changes in the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(default = 50, maximum = 200, nullable = false)]
    pub limit: Option<u32>,
}

/// A part of the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Timeline {
    /// The newest first.
    pub changes: Vec<TimelineEntry>,
    /// All that are kept.
    pub total: u64,
}

/// One change that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TimelineEntry {
    /// Increases with every change, and is never reused.
    pub id: u64,
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// Who made it: "window", "tray", "cli", "page", "api" (any other caller), "file" (the file was edited) or
    /// "expiry" (a rule's time had passed).
    #[schema(example = "cli")]
    pub client: String,
    /// In one English sentence.
    #[schema(example = "rule 1 was added: block domain_suffix example.com")]
    pub text: String,
    /// The same, item by item.
    pub what: Vec<ChangeItem>,
    /// The change that this one undoes.
    pub undoes: Option<u64>,
    /// The change that undid this one.
    pub undone_by: Option<u64>,
    /// It can be undone now.
    pub undoable: bool,
    /// Why it cannot be undone.
    pub obstacle: Option<String>,
}

/// One item of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeItem {
    /// "mode", "rule-added", "list-off", "upstream-changed", …
    #[schema(example = "rule-added")]
    pub kind: String,
    /// The parts of the sentence: `number`, `name`, `use`, `match`, `from`, `to`, …
    pub values: BTreeMap<String, String>,
    /// In one English sentence.
    pub text: String,
}
