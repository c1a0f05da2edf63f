//! `/api/v1/query`: the fields that a `filter` may use.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The language of `filter`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueryLanguage {
    pub fields: Vec<QueryField>,
}

/// The table whose filter is meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum QueryTable {
    #[default]
    Connections,
    Requests,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct QueryLanguageQuery {
    /// Whose filter [default: connections].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline, nullable = false)]
    pub table: Option<QueryTable>,
}

/// One field of the language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueryField {
    #[schema(example = "host")]
    pub name: String,
    /// "text", "word", "number", "size" or "time".
    #[schema(example = "text")]
    pub kind: String,
    /// The values of a field of kind "word"; empty for the others.
    pub words: Vec<String>,
    /// A whole term.
    #[schema(example = "-host:*.corp")]
    pub example: String,
    /// The field in a few words.
    pub what: String,
}
