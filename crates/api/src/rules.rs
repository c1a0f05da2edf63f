//! `/api/v1/rules`: the rules and what each of them did.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// All rules, in the order in which they are evaluated: the first that matches decides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Rules {
    pub rules: Vec<Rule>,
}

/// One rule and what it did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Rule {
    /// Stays the same while the rule's content does, wherever the rule is.
    #[schema(example = "9f86d081884c7d65")]
    pub id: String,
    /// Its position in the file, from 1; `null`: it is temporary, and comes before those of the file.
    pub number: Option<u64>,
    /// The line of the file on which it begins, from 1.
    pub line: Option<u64>,
    /// As in the configuration: `match`, `use`, `until`.
    #[schema(value_type = Object)]
    pub rule: Value,
    /// "always", "until" a given time, "once" (the next connection that matches) or "until-quit".
    #[schema(example = "always")]
    pub lifetime: String,
    /// With "until": when it ends, in milliseconds since 1970.
    pub until_ms: Option<u64>,
    /// It has ended, and is skipped.
    pub expired: bool,
    /// Connections, and requests on kept connections, that it decided.
    pub hits: u64,
    /// When it last decided, in milliseconds since 1970; `null`: never.
    pub last_hit_ms: Option<u64>,
    /// When counting began, in milliseconds since 1970.
    pub since_ms: u64,
    /// If not empty, it can never match: these earlier rules take everything that it would match.
    pub shadowed_by: Vec<RulePosition>,
}

/// Where a rule is in the file; both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RulePosition {
    pub number: u64,
    pub line: u64,
}

/// A rule to be added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRule {
    /// As in the configuration: `match`, `use`, and `until` (RFC 3339) for a rule that expires.
    #[schema(value_type = Object, example = json!({"match": {"domain": ["example.com"]}, "use": "direct"}))]
    pub rule: Value,
    /// Its position in the file, from 1; past the end it is the last [default: 1].
    #[serde(default = "first")]
    #[schema(minimum = 1, default = 1)]
    pub position: u32,
    /// How long: "once" (the next connection that matches) and "until-quit" are not written to the file and come before all
    /// others; "always" and a duration ("1h", "30m", "2d") are. Absent or null: always, or as `until` says.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    #[schema(
        example = "1h",
        pattern = "^(once|until-quit|always|([0-9]{1,18}(d|h|m|s|ms)){1,5})$"
    )]
    pub lifetime: Option<String>,
}

const fn first() -> u32 {
    1
}

/// A new content for a rule of the file; its position stays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleUpdate {
    /// As in the configuration: `match`, `use`, and `until` (RFC 3339) for a rule that expires.
    #[schema(value_type = Object, example = json!({"match": {"domain": ["example.com"]}, "use": "direct"}))]
    pub rule: Value,
}

/// Another position for a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleMove {
    /// Its new position in the file, from 1; past the end it is the last.
    #[schema(minimum = 1)]
    pub position: u32,
}
