//! GET /api/v1/query: the fields that a filter may use, from the table that its parser reads.

use privet_api::query_language::{QueryField, QueryLanguage};
use privet_connection_log::fields::{FIELDS, FieldKind};

/// The fields of a filter
#[utoipa::path(
    get,
    path = "/api/v1/query",
    tag = "connections",
    responses((status = 200, description = "The fields, in the order in which a help lists them", body = QueryLanguage))
)]
pub(crate) async fn read_query_language() -> axum::Json<QueryLanguage> {
    let fields = FIELDS.iter().map(|field| {
        let (kind, words) = match field.kind {
            FieldKind::Text => ("text", &[][..]),
            FieldKind::Word(words) => ("word", words),
            FieldKind::Number => ("number", &[][..]),
            FieldKind::Size => ("size", &[][..]),
            FieldKind::Time => ("time", &[][..]),
        };
        QueryField {
            name: field.name.to_owned(),
            kind: kind.to_owned(),
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            example: field.example.to_owned(),
            what: field.what.to_owned(),
        }
    });
    axum::Json(QueryLanguage {
        fields: fields.collect(),
    })
}
