//! Writes new tables and values in the style and order of the documentation.

use serde_json::{Map, Value as Json};
use toml_edit::{Array, ArrayOfTables, InlineTable, Item, Table, TableLike, Value};

use super::compare::is_plain_mark;
use super::error::EditError;
use crate::keys::SECTIONS;

/// How a table is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum TableStyle {
    /// `[listen]`, on separate lines.
    Header,
    /// `{ … }`, inside a line.
    Inline,
}

/// Tables with a header: [listen.limits]. All others are written inside a line.
const HEADED: [&str; 11] = [
    "listen",
    "listen.limits",
    "modes",
    "filter",
    "cache",
    "cache.redis",
    "inspect",
    "scan",
    "site.health",
    "control",
    "log",
];
/// Arrays whose entries have a header each: [[upstream]].
const HEADED_ARRAYS: [&str; 7] = [
    "upstream",
    "group",
    "rule",
    "site",
    "filter.list",
    "site.backend",
    "site.route",
];

fn is_headed(path: &str) -> bool {
    HEADED.contains(&path) || path.starts_with("modes.")
}

/// The keys in the order of the documentation; others after them.
pub(super) fn in_written_order<'a>(
    wanted: &'a Map<String, Json>,
    path: &str,
) -> Vec<(&'a str, &'a Json)> {
    let path = if path.starts_with("modes.") {
        "modes.NAME"
    } else {
        path
    };
    let known = SECTIONS
        .iter()
        .find(|section| section.path == path)
        .map(|section| section.keys)
        .unwrap_or_default();
    let mut entries: Vec<(&str, &Json)> = wanted
        .iter()
        .map(|(key, value)| (key.as_str(), value))
        .collect();
    entries.sort_by_key(|(key, _)| known.iter().position(|k| k == key).unwrap_or(known.len()));
    entries
}

pub(super) fn new_item(json: &Json, path: &str, style: TableStyle) -> Result<Item, EditError> {
    match json {
        Json::Object(wanted) if style == TableStyle::Header && is_headed(path) => {
            Ok(Item::Table(new_table(wanted, path)?))
        }
        Json::Array(entries) if is_array_of_headed(entries, path, style) => {
            let mut tables = ArrayOfTables::new();
            for entry in entries.iter().filter_map(Json::as_object) {
                tables.push(new_table(entry, path)?);
            }
            Ok(Item::ArrayOfTables(tables))
        }
        _ => new_value(json, path).map(Item::Value),
    }
}

fn is_array_of_headed(entries: &[Json], path: &str, style: TableStyle) -> bool {
    style == TableStyle::Header
        && HEADED_ARRAYS.contains(&path)
        && !entries.is_empty()
        && entries.iter().all(Json::is_object)
}

pub(super) fn new_table(wanted: &Map<String, Json>, path: &str) -> Result<Table, EditError> {
    let mut table = Table::new();
    // A table that contains only tables needs no header.
    table.set_implicit(
        !wanted.is_empty() && wanted.values().all(Json::is_object) && path == "modes",
    );
    fill(&mut table, wanted, path, TableStyle::Header)?;
    Ok(table)
}

fn fill(
    table: &mut dyn TableLike,
    wanted: &Map<String, Json>,
    path: &str,
    style: TableStyle,
) -> Result<(), EditError> {
    for (key, value) in in_written_order(wanted, path)
        .into_iter()
        .filter(|(_, value)| !value.is_null())
    {
        let at = format!("{path}.{key}");
        if is_plain_mark(value) {
            return Err(EditError::NoPlainSecret(at));
        }
        table.insert(key, new_item(value, &at, style)?);
    }
    Ok(())
}

pub(super) fn new_value(json: &Json, path: &str) -> Result<Value, EditError> {
    let inexpressible = || EditError::NotExpressible(path.to_owned());
    Ok(match json {
        Json::Null => return Err(inexpressible()),
        Json::Bool(truth) => Value::from(*truth),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Value::from(integer),
            (None, Some(float)) if number.is_f64() => Value::from(float),
            _ => return Err(inexpressible()),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(entries) => Value::Array(
            entries
                .iter()
                .map(|entry| new_value(entry, path))
                .collect::<Result<Array, _>>()?,
        ),
        Json::Object(wanted) => {
            let mut table = InlineTable::new();
            fill(&mut table, wanted, path, TableStyle::Inline)?;
            Value::InlineTable(table)
        }
    })
}
