//! `/api/v1/query`: the fields that a `filter` may use.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The language of `filter`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueryLanguage {
    pub fields: Vec<QueryField>,
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
