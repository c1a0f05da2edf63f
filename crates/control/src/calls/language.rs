//! GET /api/v1/query: the language of the query bar, made from the table that its parser reads.

use privet_connection_log::fields::{FIELDS, FieldKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a `filter` may say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Language {
    pub fields: Vec<FilterField>,
}

/// One field that a term may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FilterField {
    #[schema(example = "host")]
    pub name: String,
    /// "text", "word", "number", "size" or "time".
    #[schema(example = "text")]
    pub kind: String,
    /// What a field of kind "word" may be; empty for the others.
    pub words: Vec<String>,
    /// A whole term.
    #[schema(example = "-host:*.corp")]
    pub example: String,
    /// What the field is, in a few words.
    pub what: String,
}

/// The query bar's language
#[utoipa::path(
    get,
    path = "/api/v1/query",
    tag = "connections",
    responses((status = 200, description = "The fields, in the order in which a help lists them", body = Language))
)]
pub(crate) async fn read_language() -> axum::Json<Language> {
    let fields = FIELDS
        .iter()
        .map(|field| {
            let (kind, words) = match field.kind {
                FieldKind::Text => ("text", &[][..]),
                FieldKind::Word(words) => ("word", words),
                FieldKind::Number => ("number", &[][..]),
                FieldKind::Size => ("size", &[][..]),
                FieldKind::Time => ("time", &[][..]),
            };
            FilterField {
                name: field.name.to_owned(),
                kind: kind.to_owned(),
                words: words.iter().map(|word| (*word).to_owned()).collect(),
                example: field.example.to_owned(),
                what: field.what.to_owned(),
            }
        })
        .collect();
    axum::Json(Language { fields })
}
