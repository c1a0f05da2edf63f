//! Prints what the connection log costs: `cargo run --release -p privet-connection-log --example cost`.
#![allow(clippy::print_stdout, reason = "a command line tool prints")]

use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use privet_connection_log::{
    CloseReason, ConnectionLog, GroupBy, LiveConnection, NewConnection, PageRequest, Query,
    RowState, SortKey,
};
use privet_policy::{App, Host, Listener, Protocol, Target, Why, WhyKind};

const ROWS: usize = 10_000;

fn main() {
    let connection_log = ConnectionLog::default();
    let apps: Vec<Arc<App>> = (0..20).map(app).collect();
    let template = opening(&apps, 0);
    let each = time(200_000, || {
        connection_log
            .open(template.clone())
            .close(CloseReason::Finished, None);
    });
    println!("open and close a row: {each:?}");
    connection_log.tick(Instant::now());
    let rows: Vec<LiveConnection> = (0..ROWS)
        .map(|at| connection_log.open(opening(&apps, at)))
        .collect();
    for (at, live) in rows.iter().enumerate() {
        live.down((at * 7919 % 100_003) as u64);
    }
    let each = time(10_000_000, || rows[0].up(1));
    println!("count bytes once: {each:?}");
    tick_cost(&connection_log, &rows);
    println!("a window of 100 out of {ROWS} rows:");
    pages_cost(&connection_log);
    queries_cost(&connection_log);
}

fn tick_cost(connection_log: &ConnectionLog, rows: &[LiveConnection]) {
    let ticks = (0..20).map(|_| {
        std::thread::park_timeout(Duration::from_millis(51));
        rows.iter().step_by(10).for_each(|live| live.down(1_000));
        time(1, || connection_log.tick(Instant::now()))
    });
    let each = ticks.min().unwrap_or_default();
    println!("a tick over {ROWS} rows, a tenth of them busy: {each:?}");
}

fn pages_cost(connection_log: &ConnectionLog) {
    let all = Query::default();
    for (name, sort) in SortKey::ALL {
        let window = PageRequest {
            sort,
            ..PageRequest::default()
        };
        window_cost(&format!("by {name}"), connection_log, &all, &window);
    }
    let late = PageRequest {
        offset: ROWS - 1000,
        limit: 1000,
        sort: SortKey::Host,
        ..PageRequest::default()
    };
    window_cost("the last 1,000 by host", connection_log, &all, &late);
    let groups = PageRequest {
        group: Some(GroupBy::Domain),
        ..PageRequest::default()
    };
    window_cost("by domain, 5,000 groups", connection_log, &all, &groups);
}

fn queries_cost(connection_log: &ConnectionLog) {
    for text in [
        "app:app1 -host:*.corp down>1K port:443",
        "h1 rule:mode age>1ms",
    ] {
        let query = Query::parse(text).unwrap_or_default();
        window_cost(text, connection_log, &query, &PageRequest::default());
    }
}

fn window_cost(name: &str, connection_log: &ConnectionLog, query: &Query, window: &PageRequest) {
    // The best of many: other load on the machine makes some longer.
    let turns = (0..40).map(|_| {
        time(1, || {
            black_box(connection_log.page(RowState::Active, query, window));
        })
    });
    println!("  {:>12?}  {name}", turns.min().unwrap_or_default());
}

fn time(turns: u32, mut work: impl FnMut()) -> Duration {
    let began = Instant::now();
    for _ in 0..turns {
        work();
    }
    began.elapsed() / turns
}

fn app(at: usize) -> Arc<App> {
    Arc::new(App {
        name: format!("app{at}").into(),
        path: None,
        pid: 100,
        user: None,
    })
}

fn opening(apps: &[Arc<App>], at: usize) -> NewConnection {
    NewConnection {
        listener: Listener::Mixed,
        client: SocketAddr::from(([127, 0, 0, 1], 40_000)),
        protocol: Protocol::Socks5,
        user: None,
        app: Some(apps[at % apps.len()].clone()),
        target: Target {
            host: Host::Name(format!("h{}.site{}.example", at % 5_000, at % 97).into()),
            port: 443,
        },
        route: "direct".into(),
        why: Why {
            kind: WhyKind::Mode,
            text: "mode standard".into(),
        },
    }
}
