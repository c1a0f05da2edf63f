//! Pages of rows: order, limits, groups.

mod support;

use privet_connection_log::{
    ConnectionLog, GroupBy, LiveConnection, PageRequest, Query, RowState, SortKey,
};
use proptest::prelude::*;
use support::{app, hosts, opening, query};

fn with_rows(downs: &[u64]) -> (ConnectionLog, Vec<LiveConnection>) {
    let connection_log = ConnectionLog::default();
    let rows = downs
        .iter()
        .enumerate()
        .map(|(at, down)| {
            let live = connection_log.open(opening(&format!("{at}.test"), 80));
            live.down(*down);
            live
        })
        .collect();
    (connection_log, rows)
}

proptest! {
    /// A page equals the same range of all rows sorted, and consecutive pages hold each row once.
    #[test]
    fn consecutive_pages_are_the_whole_order(
        downs in prop::collection::vec(0_u64..50, 0..200),
        limit in 1_usize..40,
        descending: bool,
    ) {
        let (connection_log, rows) = with_rows(&downs);
        let mut found = Vec::new();
        let mut offset = 0;
        loop {
            let window = PageRequest { offset, limit, sort: SortKey::Down, descending, group: None };
            let page = connection_log.page(RowState::Active, &Query::default(), &window);
            prop_assert_eq!(page.total, downs.len());
            if page.rows.is_empty() {
                break;
            }
            offset += page.rows.len();
            found.extend(page.rows);
        }
        let mut sorted = downs.clone();
        sorted.sort_unstable();
        if descending {
            sorted.reverse();
        }
        let order: Vec<u64> = found.iter().map(|row| row.down).collect();
        prop_assert_eq!(order, sorted);
        let mut ids: Vec<u64> = found.iter().map(|row| row.id).collect();
        ids.sort_unstable();
        let mut wanted: Vec<u64> = rows.iter().map(|live| live.row().id).collect();
        wanted.sort_unstable();
        prop_assert_eq!(ids, wanted);
    }
}

#[test]
fn rows_without_the_sort_value_come_last_in_either_direction() {
    let connection_log = ConnectionLog::default();
    let _rows: Vec<LiveConnection> = [Some("b"), None, Some("a")]
        .into_iter()
        .map(|name| {
            let mut opening = opening(name.unwrap_or("none"), 80);
            opening.app = name.map(app);
            connection_log.open(opening)
        })
        .collect();
    for (descending, wanted) in [(false, ["a", "b", "none"]), (true, ["b", "a", "none"])] {
        let window = PageRequest {
            sort: SortKey::App,
            descending,
            ..PageRequest::default()
        };
        assert_eq!(hosts(&connection_log, RowState::Active, "", window), wanted);
    }
}

#[test]
fn a_page_past_the_end_is_empty_and_has_the_total() {
    let (connection_log, _rows) = with_rows(&[1, 2, 3]);
    for (offset, limit, rows) in [
        (3, 10, 0),
        (usize::MAX, usize::MAX, 0),
        (2, 10, 1),
        (0, 0, 0),
    ] {
        let window = PageRequest {
            offset,
            limit,
            ..PageRequest::default()
        };
        let page = connection_log.page(RowState::Active, &Query::default(), &window);
        assert_eq!((page.total, page.rows.len()), (3, rows));
    }
}

#[test]
fn a_page_has_at_most_a_thousand_rows() {
    let (connection_log, _rows) = with_rows(&vec![1; 1200]);
    let window = PageRequest {
        limit: usize::MAX,
        ..PageRequest::default()
    };
    let page = connection_log.page(RowState::Active, &Query::default(), &window);
    assert_eq!((page.total, page.rows.len()), (1200, 1000));
}

#[test]
fn groups_sum_all_matching_rows_and_rows_are_ordered_by_group() {
    let connection_log = ConnectionLog::default();
    let _rows: Vec<LiveConnection> = [
        ("a.test", 1),
        ("b.test", 10),
        ("a.test", 100),
        ("c.test", 5),
    ]
    .into_iter()
    .map(|(host, down)| {
        let live = connection_log.open(opening(host, 80));
        live.down(down);
        live
    })
    .collect();
    let window = PageRequest {
        limit: 3,
        sort: SortKey::Down,
        group: Some(GroupBy::Domain),
        ..PageRequest::default()
    };
    let page = connection_log.page(RowState::Active, &query("-host:c.test"), &window);
    let groups: Vec<(&str, usize, u64)> = page
        .groups
        .iter()
        .map(|group| (&*group.key, group.rows, group.down))
        .collect();
    assert_eq!(groups, [("a.test", 2, 101), ("b.test", 1, 10)]);
    let rows: Vec<(Option<&str>, u64)> = page
        .rows
        .iter()
        .map(|row| (row.group.as_deref(), row.down))
        .collect();
    let wanted = [
        (Some("a.test"), 100),
        (Some("a.test"), 1),
        (Some("b.test"), 10),
    ];
    assert_eq!(rows, wanted);
    assert_eq!((page.total, page.down), (3, 111));
}

#[test]
fn sort_keys_and_groups_are_parsed_by_name_and_errors_list_the_valid_ones() {
    for (name, key) in SortKey::ALL {
        assert_eq!(SortKey::parse(name), Ok((key, false)));
        assert_eq!(SortKey::parse(&format!("-{name}")), Ok((key, true)));
    }
    for (name, by) in GroupBy::ALL {
        assert_eq!(GroupBy::parse(name), Ok(by));
    }
    assert!(SortKey::parse("size").is_err_and(|error| error.contains("down_speed")));
    assert!(GroupBy::parse("host").is_err_and(|error| error.contains("domain")));
}
