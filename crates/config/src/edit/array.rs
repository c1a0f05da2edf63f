//! Arrays are replaced as a whole, but entries that stay keep their text: they are found again by name or by content.

use serde_json::Value as Json;
use toml_edit::{Array, ArrayOfTables, Item, Table, Value};

use super::EditError;
use super::fresh::{Form, last_position, new_table, new_value};
use super::raw::{table_to_json, value_to_json};
use super::sync::{Absent, sync_table, sync_value};

type Fits<'a> = &'a dyn Fn(&Json, &Json) -> bool;

/// For each wanted entry the place of the old one that it continues: that of its name, else one that is equal, else, for
/// entries without a name, the one at the same place if nothing else claims it.
fn continued(old: &[Json], wanted: &[Json]) -> Vec<Option<usize>> {
    let name = |json: &Json| json.get("name").and_then(Json::as_str).map(str::to_owned);
    let mut free = vec![true; old.len()];
    let mut pairs: Vec<Option<usize>> = vec![None; wanted.len()];
    // Most changes are of one entry: what is the same before and behind it is found without a search.
    let before = old
        .iter()
        .zip(wanted)
        .take_while(|(old, new)| old == new)
        .count();
    let rest = old.len().min(wanted.len()) - before;
    let behind = old
        .iter()
        .rev()
        .zip(wanted.iter().rev())
        .take(rest)
        .take_while(|(old, new)| old == new)
        .count();
    for (i, pair) in pairs.iter_mut().enumerate() {
        *pair = match wanted.len() - i {
            _ if i < before => Some(i),
            to_end if to_end <= behind => Some(old.len() - to_end),
            _ => None,
        };
        take(&mut free, *pair);
    }
    let named_alike = |old: &Json, new: &Json| name(old).is_some() && name(old) == name(new);
    let rounds: [Fits<'_>; 2] = [&named_alike, &|old, new| old == new];
    for fits in rounds {
        for (entry, pair) in wanted
            .iter()
            .zip(&mut pairs)
            .filter(|(_, pair)| pair.is_none())
        {
            *pair = old
                .iter()
                .zip(&free)
                .position(|(old, free)| *free && fits(old, entry));
            take(&mut free, *pair);
        }
    }
    for (i, (entry, pair)) in wanted.iter().zip(&mut pairs).enumerate() {
        let nameless = |json: &Json| json.is_object() && name(json).is_none();
        let here = old.get(i).is_some_and(nameless) && free.get(i) == Some(&true);
        if pair.is_none() && here && nameless(entry) {
            *pair = Some(i);
            take(&mut free, *pair);
        }
    }
    pairs
}

fn take(free: &mut [bool], at: Option<usize>) {
    if let Some(free) = at.and_then(|i| free.get_mut(i)) {
        *free = false;
    }
}

/// Entries with headers.
pub(super) fn sync_tables(
    tables: &mut ArrayOfTables,
    wanted: &[Json],
    path: &str,
) -> Result<(), EditError> {
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
                sync_table(&mut table, entry, path, Absent::Remove, Form::Block)?;
                table
            }
            None => new_table(entry, path)?,
        });
    }
    order(&mut placed, &pairs, first_position);
    if let (Some(head), true) = (head, !pairs.contains(&Some(0))) {
        // The comment above the first entry may be the section's: it stays when that entry goes.
        placed
            .first_mut()
            .into_iter()
            .for_each(|table| put_comment_above(table, &head));
    }
    placed.into_iter().for_each(|table| tables.push(table));
    Ok(())
}

/// Tables are printed by position, those with the same one in the array's order. A new one follows the entry before it.
fn order(placed: &mut [Table], pairs: &[Option<usize>], first_position: Option<isize>) {
    let kept: Vec<usize> = pairs.iter().flatten().copied().collect();
    let ascending = kept.windows(2).all(|pair| matches!(pair, [a, b] if a < b));
    if !ascending {
        placed
            .iter_mut()
            .for_each(|table| move_to(table, first_position));
        return;
    }
    let mut before = placed.iter().find_map(Table::position).or(first_position);
    for table in placed {
        if table.position().is_none() {
            table.set_position(before);
        }
        before = Some(last_position(table));
    }
}

fn move_to(table: &mut Table, position: Option<isize>) {
    table.set_position(position);
    for (_, item) in table.iter_mut() {
        match item {
            Item::Table(below) => move_to(below, position),
            Item::ArrayOfTables(below) => {
                below.iter_mut().for_each(|table| move_to(table, position))
            }
            _ => {}
        }
    }
}

fn comment_above(table: &Table) -> Option<String> {
    let prefix = table.decor().prefix()?.as_str()?;
    prefix.contains('#').then(|| prefix.to_owned())
}

fn put_comment_above(table: &mut Table, head: &str) {
    let own = table
        .decor()
        .prefix()
        .and_then(|prefix| prefix.as_str())
        .unwrap_or("")
        .trim_start_matches(['\n', '\r']);
    let prefix = format!("{head}{own}");
    table.decor_mut().set_prefix(prefix);
}

/// Entries inside brackets.
pub(super) fn sync_array(array: &mut Array, wanted: &[Json], path: &str) -> Result<(), EditError> {
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
                sync_value(&mut value, entry, path, Absent::Remove)?;
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

/// What stands around the entries of an array: line breaks and comments go with the entry they belong to.
enum Spacing {
    OneLine,
    Lines {
        /// Before each entry, from its line's beginning on: own comments and the indent.
        leads: Vec<String>,
        /// Behind each entry and its comma, to the line's end: its comment.
        tails: Vec<String>,
        /// Before the first entry, behind the bracket.
        opening: String,
        /// Before the closing bracket, from its line's beginning on.
        closing: String,
    },
}

impl Spacing {
    fn of(array: &Array) -> Self {
        let mut bare = array.clone();
        bare.decor_mut().clear();
        if !bare.to_string().contains(['\n', '#']) {
            return Self::OneLine;
        }
        let prefix = |value: &Value| {
            value
                .decor()
                .prefix()
                .and_then(|p| p.as_str())
                .unwrap_or("")
                .to_owned()
        };
        let trailing = array.trailing().as_str().unwrap_or("").to_owned();
        let mut split: Vec<(String, String)> = array
            .iter()
            .map(|value| at_line_end(&prefix(value)))
            .collect();
        split.push(at_line_end(&trailing));
        let (mut tails, mut leads): (Vec<String>, Vec<String>) = split.into_iter().unzip();
        let opening = tails.remove(0);
        let closing = leads.pop().unwrap_or_default();
        Self::Lines {
            leads,
            tails,
            opening,
            closing,
        }
    }

    fn apply(self, array: &mut Array, pairs: &[Option<usize>]) {
        let Self::Lines {
            leads,
            tails,
            opening,
            closing,
        } = self
        else {
            respace(array);
            return;
        };
        // A new entry's line is indented as the last old one's.
        let indent = leads
            .last()
            .map(|lead| lead.rsplit('\n').next().unwrap_or("").to_owned());
        let fresh = indent.map_or_else(|| "\n  ".to_owned(), |indent| format!("\n{indent}"));
        let mut before = opening;
        for (value, pair) in array.iter_mut().zip(pairs) {
            let lead = pair.and_then(|i| leads.get(i)).unwrap_or(&fresh);
            value.decor_mut().set_prefix(after_comment(&before, lead));
            before = pair.and_then(|i| tails.get(i)).cloned().unwrap_or_default();
        }
        array.set_trailing(after_comment(&before, &closing));
    }
}

/// A comment ends its line.
fn after_comment(before: &str, lead: &str) -> String {
    let end = if before.contains('#') && !lead.starts_with('\n') {
        "\n"
    } else {
        ""
    };
    format!("{before}{end}{lead}")
}

/// What is left of a line, and what begins with the next.
fn at_line_end(text: &str) -> (String, String) {
    match text.find('\n').and_then(|at| text.split_at_checked(at)) {
        Some((tail, lead)) => (tail.to_owned(), lead.to_owned()),
        None => (String::new(), text.to_owned()),
    }
}

/// `["a", "b"]`: the spaces of entries that changed their place.
fn respace(array: &mut Array) {
    for (i, value) in array.iter_mut().enumerate() {
        value.decor_mut().set_prefix(if i == 0 { "" } else { " " });
        value.decor_mut().set_suffix("");
    }
    array.set_trailing("");
    array.set_trailing_comma(false);
}
