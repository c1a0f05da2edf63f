//! GET /api/v1/query: the fields that a filter may use, from the table that its parser reads.

use privet_api::query_language::{QueryField, QueryLanguage, QueryLanguageQuery, QueryTable};
use privet_connection_log::fields::{FIELDS, FieldKind};
use privet_connection_log::requests::REQUEST_FIELDS;

use crate::extract::Query;

/// List the fields of a filter
#[utoipa::path(
    get,
    path = "/api/v1/query",
    tag = "connections",
    params(QueryLanguageQuery),
    responses((status = 200, description = "The fields, in the order in which a help lists them", body = QueryLanguage))
)]
pub(crate) async fn read_query_language(
    Query(query): Query<QueryLanguageQuery>,
) -> axum::Json<QueryLanguage> {
    let fields = match query.table.unwrap_or_default() {
        QueryTable::Connections => FIELDS
            .iter()
            .map(|help| field(help.name, help.kind, help.example, help.what))
            .collect(),
        QueryTable::Requests => REQUEST_FIELDS
            .iter()
            .map(|help| field(help.name, help.field.kind(), help.example, help.what))
            .collect(),
    };
    axum::Json(QueryLanguage { fields })
}

fn field(name: &str, kind: FieldKind, example: &str, what: &str) -> QueryField {
    let (kind, words) = match kind {
        FieldKind::Text => ("text", &[][..]),
        FieldKind::Word(words) => ("word", words),
        FieldKind::Number => ("number", &[][..]),
        FieldKind::Size => ("size", &[][..]),
        FieldKind::Time => ("time", &[][..]),
    };
    QueryField {
        name: name.to_owned(),
        kind: kind.to_owned(),
        words: words.iter().map(|word| (*word).to_owned()).collect(),
        example: example.to_owned(),
        what: what.to_owned(),
    }
}
