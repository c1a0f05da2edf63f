//! Brings a table to what is wanted, touching only what differs.

use serde_json::{Map, Value as Json};
use toml_edit::{Item, TableLike, Value};

use super::EditError;
use super::array::{sync_array, sync_tables};
use super::fresh::{Form, in_written_order, new_item};
use super::raw::{item_to_json, same, value_to_json};

/// What happens to keys of the file that are not named.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Absent {
    /// As a merge patch has it.
    Keep,
    Remove,
}

pub(super) fn sync_table(
    table: &mut dyn TableLike,
    wanted: &Map<String, Json>,
    path: &str,
    absent: Absent,
    form: Form,
) -> Result<(), EditError> {
    if absent == Absent::Remove {
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
        sync_key(table, key, value, &at, absent, form)?;
    }
    Ok(())
}

fn sync_key(
    table: &mut dyn TableLike,
    key: &str,
    wanted: &Json,
    path: &str,
    absent: Absent,
    form: Form,
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
        Some(item) => sync_item(item, wanted, path, absent, form),
        None => {
            table.insert(key, new_item(wanted, path, form)?);
            Ok(())
        }
    }
}

/// What the API shows in the place of a secret that the file holds: "as it is".
pub(super) fn is_plain_mark(json: &Json) -> bool {
    json.as_object()
        .is_some_and(|o| o.len() == 1 && o.get("plain") == Some(&Json::Bool(true)))
}

fn sync_item(
    item: &mut Item,
    wanted: &Json,
    path: &str,
    absent: Absent,
    form: Form,
) -> Result<(), EditError> {
    let key = path.rsplit('.').next().unwrap_or(path);
    if same(key, &item_to_json(item), wanted) {
        return Ok(());
    }
    match (&mut *item, wanted) {
        (Item::Table(table), Json::Object(wanted)) => {
            let form = if table.is_dotted() {
                Form::Inline
            } else {
                Form::Block
            };
            sync_table(table, wanted, path, absent, form)
        }
        (Item::ArrayOfTables(tables), Json::Array(wanted))
            if wanted.iter().all(Json::is_object) =>
        {
            sync_tables(tables, wanted, path)
        }
        (Item::Value(value), Json::Object(_)) if value.is_inline_table() => {
            sync_value(value, wanted, path, absent)
        }
        // An empty array that gets tables is written with headers, where headers are the custom.
        (Item::Value(Value::Array(array)), Json::Array(_)) if !array.is_empty() => {
            sync_value_array(item, wanted, path)
        }
        _ => {
            let fresh = new_item(wanted, path, form)?;
            replace_keeping_decor(item, fresh);
            Ok(())
        }
    }
}

fn sync_value_array(item: &mut Item, wanted: &Json, path: &str) -> Result<(), EditError> {
    match item.as_value_mut() {
        Some(value) => sync_value(value, wanted, path, Absent::Remove),
        None => Ok(()),
    }
}

/// A value inside a line: scalars are replaced, tables and arrays changed where they differ.
pub(super) fn sync_value(
    value: &mut Value,
    wanted: &Json,
    path: &str,
    absent: Absent,
) -> Result<(), EditError> {
    let key = path.rsplit('.').next().unwrap_or(path);
    if same(key, &value_to_json(value), wanted) {
        return Ok(());
    }
    match (&mut *value, wanted) {
        (Value::InlineTable(table), Json::Object(wanted)) => {
            let keys_before: Vec<String> = table.iter().map(|(key, _)| key.to_owned()).collect();
            sync_table(table, wanted, path, absent, Form::Inline)?;
            let same_keys = table
                .iter()
                .map(|(key, _)| key)
                .eq(keys_before.iter().map(String::as_str));
            let mut bare = table.clone();
            bare.decor_mut().clear();
            if !same_keys && !bare.to_string().contains(['\n', '#']) {
                // Spaces around a key that came or went.
                table.fmt();
            }
            Ok(())
        }
        (Value::Array(array), Json::Array(wanted)) => sync_array(array, wanted, path),
        _ => {
            let mut fresh = Item::Value(value.clone());
            replace_keeping_decor(&mut fresh, new_item(wanted, path, Form::Inline)?);
            if let Item::Value(fresh) = fresh {
                *value = fresh;
            }
            Ok(())
        }
    }
}

/// The comment behind a value belongs to its line.
fn replace_keeping_decor(item: &mut Item, mut fresh: Item) {
    if let (Item::Value(old), Item::Value(new)) = (&*item, &mut fresh) {
        *new.decor_mut() = old.decor().clone();
    }
    *item = fresh;
}
