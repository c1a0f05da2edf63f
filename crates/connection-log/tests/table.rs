//! The live table under several threads, and what a row costs.
//!
//! Unsafe code is allowed in this file for a counting allocator: what a row costs is measured, not computed.
#![allow(unsafe_code)]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use privet_connection_log::{
    CloseReason, ConnectionLog, LiveConnection, PageRequest, Query, RowState,
};
use support::{all, opening, query};

/// Counts the bytes that the current thread has allocated.
struct Counting;

thread_local!(static HELD: Cell<isize> = const { Cell::new(0) });

fn held() -> isize {
    HELD.with(Cell::get)
}

fn count(bytes: isize) {
    let _ = HELD.try_with(|held| held.set(held.get() + bytes));
}

// SAFETY: every call is passed on unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn an_open_row_costs_at_most_256_bytes() {
    const ROWS: usize = 10_000;
    let connection_log = ConnectionLog::default();
    let opening = opening("www.example.com", 443);
    drop(connection_log.open(opening.clone()));
    connection_log.tick(Instant::now());
    let mut rows = Vec::with_capacity(ROWS);
    let before = held();
    rows.extend((0..ROWS).map(|_| connection_log.open(opening.clone())));
    let each = (held() - before) as usize / ROWS;
    eprintln!(
        "{each} bytes a row, and {} in its task",
        size_of::<LiveConnection>()
    );
    assert!(each <= 256, "{each}");
}

#[test]
fn no_row_is_lost_while_threads_open_close_and_read() {
    const THREADS: u64 = 4;
    const EACH: u64 = 3_000;
    let connection_log = ConnectionLog::default();
    let done = Arc::new(AtomicBool::new(false));
    let reader = {
        let (connection_log, done) = (connection_log.clone(), done.clone());
        thread::spawn(move || {
            let mut looked = 0_u64;
            while !done.load(Ordering::Acquire) {
                connection_log.tick(Instant::now());
                let page = connection_log.page(
                    RowState::Active,
                    &query("host:test"),
                    &PageRequest::default(),
                );
                let ids: HashSet<u64> = page.rows.iter().map(|row| row.id).collect();
                assert_eq!(ids.len(), page.rows.len(), "no row is shown twice");
                connection_log.cancel_matching(&query("port:7"), CloseReason::Closed);
                looked += 1;
            }
            looked
        })
    };
    let writers: Vec<_> = (0..THREADS)
        .map(|_| {
            let connection_log = connection_log.clone();
            thread::spawn(move || {
                let mut open_connections: Vec<LiveConnection> = Vec::new();
                for at in 0..EACH {
                    let live = connection_log.open(opening("a.test", (at % 10) as u16));
                    live.up(at);
                    live.down(1);
                    open_connections.push(live);
                    if at % 3 == 0 {
                        open_connections
                            .swap_remove((at as usize * 7) % open_connections.len())
                            .close(CloseReason::Finished, None);
                    }
                }
                open_connections
            })
        })
        .collect();
    // Rows may be closed on another thread than the one that opened them.
    let open_connections: Vec<LiveConnection> = writers
        .into_iter()
        .flat_map(|writer| writer.join().expect("no panic"))
        .collect();
    done.store(true, Ordering::Release);
    assert!(reader.join().expect("no panic") > 0);
    let totals = connection_log.totals();
    assert_eq!(totals.active, open_connections.len() as u64);
    assert_eq!(totals.connections, THREADS * EACH);
    assert_eq!(totals.direct.up, THREADS * (0..EACH).sum::<u64>());
    assert_eq!(totals.direct.down, THREADS * EACH);
    let ids: HashSet<u64> = connection_log
        .live_rows()
        .iter()
        .map(|row| row.id)
        .collect();
    assert_eq!(ids.len(), open_connections.len());
    let closed = all(&connection_log, RowState::Closed).total;
    assert_eq!(closed + open_connections.len(), (THREADS * EACH) as usize);
    drop(open_connections);
    let page = connection_log.page(RowState::Active, &Query::default(), &PageRequest::default());
    assert_eq!(page.total, 0);
    assert_eq!(connection_log.dropped_rows(), 0);
}

#[test]
fn an_uncollected_burst_is_bounded_and_its_sums_are_kept() {
    const BURST: u64 = 20_000;
    let connection_log = ConnectionLog::default();
    for _ in 0..BURST {
        let live = connection_log.open(opening("a.test", 80));
        live.up(3);
    }
    connection_log.tick(Instant::now());
    let lost = connection_log.dropped_rows();
    assert_eq!(lost, BURST - 16_384);
    let usage = connection_log
        .usage(privet_connection_log::GroupBy::Domain, 0, u64::MAX / 2, 0)
        .expect("in memory");
    let (up, connections) = usage
        .iter()
        .fold((0, 0), |sum, row| (sum.0 + row.up, sum.1 + row.connections));
    assert_eq!((up, connections), (3 * BURST, BURST));
    assert!(
        usage
            .iter()
            .any(|row| row.key == "(other)" && row.connections == lost)
    );
    assert_eq!(connection_log.totals().direct.up, 3 * BURST);
}
