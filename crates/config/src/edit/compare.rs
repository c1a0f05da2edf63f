//! Compares the document's content with the wanted one, as JSON.

use serde_json::{Map, Number, Value as Json};
use toml_edit::{Item, TableLike, Value};

use crate::duration::parse_duration;
use crate::size::parse_size;
use crate::timestamp::timestamp;

pub(super) fn item_to_json(item: &Item) -> Json {
    match item {
        Item::None => Json::Null,
        Item::Value(value) => value_to_json(value),
        Item::Table(table) => table_to_json(table),
        Item::ArrayOfTables(tables) => {
            Json::Array(tables.iter().map(|table| table_to_json(table)).collect())
        }
    }
}

pub(super) fn value_to_json(value: &Value) -> Json {
    match value {
        Value::String(text) => Json::String(text.value().clone()),
        Value::Integer(number) => Json::Number((*number.value()).into()),
        Value::Float(number) => Number::from_f64(*number.value()).map_or(Json::Null, Json::Number),
        Value::Boolean(truth) => Json::Bool(*truth.value()),
        Value::Datetime(datetime) => Json::String(datetime.value().to_string()),
        Value::Array(array) => Json::Array(array.iter().map(value_to_json).collect()),
        Value::InlineTable(table) => table_to_json(table),
    }
}

pub(super) fn table_to_json(table: &dyn TableLike) -> Json {
    let entries = table.iter().filter(|(_, item)| !item.is_none());
    Json::Object(
        entries
            .map(|(key, item)| (key.to_owned(), item_to_json(item)))
            .collect::<Map<_, _>>(),
    )
}

/// Keys whose values are compared by what they mean, so that "60m" is not rewritten to "1h".
const DURATIONS: [&str; 10] = [
    "interval",
    "timeout",
    "refresh",
    "probation",
    "handshake_timeout",
    "request_header_timeout",
    "request_body_timeout",
    "response_header_timeout",
    "idle_timeout",
    "connections",
];
const SIZES: [&str; 5] = ["memory", "disk", "max_body", "body", "header_bytes"];

/// The file's value already means what is wanted.
pub(super) fn same(key: &str, old: &Json, wanted: &Json) -> bool {
    if old == wanted {
        return true;
    }
    if SIZES.contains(&key) {
        let bytes = |json: &Json| json.as_u64().or_else(|| json.as_str().and_then(parse_size));
        return bytes(old).is_some() && bytes(old) == bytes(wanted);
    }
    let (Some(old), Some(wanted)) = (old.as_str(), wanted.as_str()) else {
        return false;
    };
    if DURATIONS.contains(&key) {
        return parse_duration(old).is_some() && parse_duration(old) == parse_duration(wanted);
    }
    let at = |text: &str| text.parse().ok().as_ref().and_then(timestamp);
    key == "until" && at(old).is_some() && at(old) == at(wanted)
}

/// `{ plain = true }`: what the API shows instead of a secret in the file. In a change it means "leave it".
pub(super) fn is_plain_mark(json: &Json) -> bool {
    json.as_object()
        .is_some_and(|o| o.len() == 1 && o.get("plain") == Some(&Json::Bool(true)))
}
