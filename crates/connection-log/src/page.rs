//! A page of rows: filtered, grouped, sorted, cut. Ten thousand rows take a few milliseconds, because only the rows of the
//! page are fully sorted and formatted.

use crate::group::{Group, GroupBy, group_rows};
use crate::query::Query;
use crate::sort::{Candidate, SortKey, compare, sort_value};
use crate::view::{RowRef, RowView};

/// Rows of one page.
pub const MAX_ROWS: usize = 1000;
/// Which rows of the matching ones are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    pub offset: usize,
    /// At most [`MAX_ROWS`].
    pub limit: usize,
    pub sort: SortKey,
    /// Largest, newest, or last by alphabet first.
    pub descending: bool,
    pub group: Option<GroupBy>,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self {
            offset: 0,
            limit: 100,
            sort: SortKey::Started,
            descending: true,
            group: None,
        }
    }
}

/// A page of rows, with sums over all rows that match.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// How many rows match.
    pub total: usize,
    pub offset: usize,
    pub rows: Vec<RowView>,
    /// Groups of all rows that match, largest first; empty unless asked for.
    pub groups: Vec<Group>,
    /// Over all rows that match: bytes, and bytes per second.
    pub up: u64,
    pub down: u64,
    pub up_speed: u64,
    pub down_speed: u64,
}

pub(crate) fn page<'a>(
    rows: impl Iterator<Item = RowRef<'a>>,
    query: &Query,
    window: &PageRequest,
) -> Page {
    let mut matching: Vec<Candidate<'a>> = rows
        .filter(|entry| query.matches(entry))
        .map(|entry| Candidate {
            value: sort_value(window.sort, &entry),
            entry,
            group: 0,
        })
        .collect();
    let mut page = sums(&matching);
    page.total = matching.len();
    page.offset = window.offset;
    let keys = match window.group {
        Some(by) => group_rows(&mut matching, by, &mut page.groups),
        None => Vec::new(),
    };
    let order = |a: &Candidate<'_>, b: &Candidate<'_>| compare(a, b, window.descending);
    let limit = window.limit.min(MAX_ROWS);
    let end = window.offset.saturating_add(limit).min(matching.len());
    if end < matching.len() {
        matching.select_nth_unstable_by(end, order);
        matching.truncate(end);
    }
    let start = window.offset.min(matching.len());
    if start > 0 && start < matching.len() {
        matching.select_nth_unstable_by(start, order);
    }
    let wanted = matching.get_mut(start..).unwrap_or_default();
    wanted.sort_unstable_by(order);
    page.rows = wanted
        .iter()
        .map(|candidate| {
            let mut view = candidate.entry.view();
            view.group = window
                .group
                .map(|_| keys.get(candidate.group).map(ToString::to_string))
                .unwrap_or_default();
            view
        })
        .collect();
    page
}

fn sums(matching: &[Candidate<'_>]) -> Page {
    let mut page = Page::default();
    let (mut up_speed, mut down_speed) = (0.0_f64, 0.0_f64);
    for Candidate { entry, .. } in matching {
        page.up += entry.row.up_bytes();
        page.down += entry.row.down_bytes();
        up_speed += f64::from(entry.up_speed());
        down_speed += f64::from(entry.down_speed());
    }
    page.up_speed = up_speed as u64;
    page.down_speed = down_speed as u64;
    page
}
