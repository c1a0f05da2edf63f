//! Changes a table to the wanted content and leaves everything else as it is: one recursion over tables, arrays and values.

use serde_json::{Map, Value as Json};
use toml_edit::{Array, ArrayOfTables, Item, Table, TableLike, Value};

use super::compare::{is_plain_mark, item_to_json, same, table_to_json, value_to_json};
use super::error::EditError;
use super::new_entry::{TableStyle, in_written_order, new_item, new_table, new_value};
use super::pairing::continued;
use super::positions::{comment_above, order, put_comment_above};
use super::spacing::Spacing;

/// What happens to keys of the file that the wanted content does not name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum MissingKeys {
    /// As in a merge patch (RFC 7396).
    Keep,
    Remove,
}

pub(super) fn sync_table(
    table: &mut dyn TableLike,
    wanted: &Map<String, Json>,
    path: &str,
    missing: MissingKeys,
    style: TableStyle,
) -> Result<(), EditError> {
    if missing == MissingKeys::Remove {
        let gone: Vec<String> = table
            .iter()
            .map(|(key, _)| key.to_owned())
            .filter(|key| !wanted.contains_key(key))
            .collect();
        gone.iter().for_each(|key| drop(table.remove(key)));
    }
    for (key, value) in in_written_order(wanted, path) {
        let at = if path.is_empty() {
            key.to_owned()
        } else {
            format!("{path}.{key}")
        };
        sync_key(table, key, value, &at, missing, style)?;
    }
    Ok(())
}

fn sync_key(
    table: &mut dyn TableLike,
    key: &str,
    wanted: &Json,
    path: &str,
    missing: MissingKeys,
    style: TableStyle,
) -> Result<(), EditError> {
    if wanted.is_null() {
        table.remove(key);
        return Ok(());
    }
    let existing = table.get_mut(key).filter(|item| !item.is_none());
    if is_plain_mark(wanted) {
        let kept = existing.is_some_and(|item| item.is_str());
        return if kept {
            Ok(())
        } else {
            Err(EditError::NoPlainSecret(path.to_owned()))
        };
    }
    match existing {
        Some(item) => sync_item(item, wanted, path, missing, style),
        None => {
            table.insert(key, new_item(wanted, path, style)?);
            Ok(())
        }
    }
}

fn sync_item(
    item: &mut Item,
    wanted: &Json,
    path: &str,
    missing: MissingKeys,
    style: TableStyle,
) -> Result<(), EditError> {
    let key = path.rsplit('.').next().unwrap_or(path);
    if same(key, &item_to_json(item), wanted) {
        return Ok(());
    }
    match (&mut *item, wanted) {
        (Item::Table(table), Json::Object(wanted)) => {
            let style = if table.is_dotted() {
                TableStyle::Inline
            } else {
                TableStyle::Header
            };
            sync_table(table, wanted, path, missing, style)
        }
        (Item::ArrayOfTables(tables), Json::Array(wanted))
            if wanted.iter().all(Json::is_object) =>
        {
            sync_tables(tables, wanted, path)
        }
        (Item::Value(value), Json::Object(_)) if value.is_inline_table() => {
            sync_value(value, wanted, path, missing)
        }
        // An empty array that gets tables is written with headers, where the section has them.
        (Item::Value(Value::Array(array)), Json::Array(_)) if !array.is_empty() => {
            sync_value_array(item, wanted, path)
        }
        _ => {
            let fresh = new_item(wanted, path, style)?;
            replace_keeping_decor(item, fresh);
            Ok(())
        }
    }
}

fn sync_value_array(item: &mut Item, wanted: &Json, path: &str) -> Result<(), EditError> {
    match item.as_value_mut() {
        Some(value) => sync_value(value, wanted, path, MissingKeys::Remove),
        None => Ok(()),
    }
}

/// A value inside a line: scalars are replaced, tables and arrays changed where they differ.
fn sync_value(
    value: &mut Value,
    wanted: &Json,
    path: &str,
    missing: MissingKeys,
) -> Result<(), EditError> {
    let key = path.rsplit('.').next().unwrap_or(path);
    if same(key, &value_to_json(value), wanted) {
        return Ok(());
    }
    match (&mut *value, wanted) {
        (Value::InlineTable(table), Json::Object(wanted)) => {
            let keys_before: Vec<String> = table.iter().map(|(key, _)| key.to_owned()).collect();
            sync_table(table, wanted, path, missing, TableStyle::Inline)?;
            let same_keys = table
                .iter()
                .map(|(key, _)| key)
                .eq(keys_before.iter().map(String::as_str));
            let mut bare = table.clone();
            bare.decor_mut().clear();
            if !same_keys && !bare.to_string().contains(['\n', '#']) {
                // Spaces around a key that was added or removed.
                table.fmt();
            }
            Ok(())
        }
        (Value::Array(array), Json::Array(wanted)) => sync_array(array, wanted, path),
        _ => {
            let mut fresh = Item::Value(value.clone());
            replace_keeping_decor(&mut fresh, new_item(wanted, path, TableStyle::Inline)?);
            if let Item::Value(fresh) = fresh {
                *value = fresh;
            }
            Ok(())
        }
    }
}

/// An array whose entries have headers.
fn sync_tables(tables: &mut ArrayOfTables, wanted: &[Json], path: &str) -> Result<(), EditError> {
    let old_json: Vec<Json> = tables.iter().map(|table| table_to_json(table)).collect();
    let pairs = continued(&old_json, wanted);
    let first_position = tables
        .iter()
        .map(|table| table.position().unwrap_or(0))
        .min();
    let head = tables.iter().next().and_then(comment_above);
    let mut old: Vec<Option<Table>> = std::mem::take(tables).into_iter().map(Some).collect();
    let mut placed: Vec<Table> = Vec::new();
    for (entry, pair) in wanted.iter().zip(&pairs) {
        let Some(entry) = entry.as_object() else {
            continue;
        };
        let kept = pair.and_then(|i| old.get_mut(i)).and_then(Option::take);
        placed.push(match kept {
            Some(mut table) => {
                sync_table(
                    &mut table,
                    entry,
                    path,
                    MissingKeys::Remove,
                    TableStyle::Header,
                )?;
                table
            }
            None => new_table(entry, path)?,
        });
    }
    order(&mut placed, &pairs, first_position);
    if let (Some(head), true) = (head, !pairs.contains(&Some(0))) {
        // The comment above the first entry may be about the section: it stays when that entry is removed.
        placed
            .first_mut()
            .into_iter()
            .for_each(|table| put_comment_above(table, &head));
    }
    placed.into_iter().for_each(|table| tables.push(table));
    Ok(())
}

/// An array inside brackets.
fn sync_array(array: &mut Array, wanted: &[Json], path: &str) -> Result<(), EditError> {
    let old_json: Vec<Json> = array.iter().map(value_to_json).collect();
    let pairs = continued(&old_json, wanted);
    let unmoved =
        pairs.len() == old_json.len() && pairs.iter().enumerate().all(|(i, pair)| *pair == Some(i));
    let spacing = Spacing::of(array);
    let mut old: Vec<Option<Value>> = array.iter().cloned().map(Some).collect();
    array.clear();
    for (entry, pair) in wanted.iter().zip(&pairs) {
        let value = match pair.and_then(|i| old.get_mut(i)).and_then(Option::take) {
            Some(mut value) => {
                sync_value(&mut value, entry, path, MissingKeys::Remove)?;
                value
            }
            None => new_value(entry, path)?,
        };
        array.push_formatted(value);
    }
    if !unmoved {
        spacing.apply(array, &pairs);
    }
    Ok(())
}

/// The comment after a value stays on its line.
fn replace_keeping_decor(item: &mut Item, mut fresh: Item) {
    if let (Item::Value(old), Item::Value(new)) = (&*item, &mut fresh) {
        *new.decor_mut() = old.decor().clone();
    }
    *item = fresh;
}
