//! The positions of tables in the text, and the comment above the first of an array.

use toml_edit::{Item, Table};

/// Sets positions: tables are printed by position, those with the same one in the array's order. A new one follows the entry
/// before it.
pub(super) fn order(placed: &mut [Table], pairs: &[Option<usize>], first_position: Option<isize>) {
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

pub(super) fn comment_above(table: &Table) -> Option<String> {
    let prefix = table.decor().prefix()?.as_str()?;
    prefix.contains('#').then(|| prefix.to_owned())
}

pub(super) fn put_comment_above(table: &mut Table, head: &str) {
    let own = table
        .decor()
        .prefix()
        .and_then(|prefix| prefix.as_str())
        .unwrap_or("")
        .trim_start_matches(['\n', '\r']);
    let prefix = format!("{head}{own}");
    table.decor_mut().set_prefix(prefix);
}

/// The position in the text of the last table at or below this one.
pub(super) fn last_position(table: &Table) -> isize {
    let below = table
        .iter()
        .flat_map(|(_, item)| tables_of(item))
        .map(last_position)
        .max();
    table.position().unwrap_or(0).max(below.unwrap_or(0))
}

/// New tables at the top go after all others; below the top they follow the table that they belong to.
pub(super) fn place_at(root: &mut Table, end: isize) {
    for (_, item) in root.iter_mut() {
        match item {
            Item::Table(table) if last_position(table) == 0 && !table.is_dotted() => {
                table.set_position(Some(end))
            }
            Item::ArrayOfTables(tables) if tables.iter().all(|table| last_position(table) == 0) => {
                tables
                    .iter_mut()
                    .for_each(|table| table.set_position(Some(end)));
            }
            _ => {}
        }
    }
}

fn tables_of(item: &Item) -> Vec<&Table> {
    match item {
        Item::Table(table) => vec![table],
        Item::ArrayOfTables(tables) => tables.iter().collect(),
        _ => Vec::new(),
    }
}
