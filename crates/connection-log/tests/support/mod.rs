//! New connections for the tests.
#![allow(dead_code, reason = "each test file uses its part")]

use std::net::SocketAddr;
use std::sync::Arc;

use privet_connection_log::{ConnectionLog, NewConnection, Page, PageRequest, Query, RowState};
use privet_policy::{App, Host, Listener, Protocol, Target, Why, WhyKind};

pub fn opening(host: &str, port: u16) -> NewConnection {
    let host = host
        .parse()
        .map_or_else(|_| Host::Name(host.into()), Host::Ip);
    NewConnection {
        listener: Listener::Mixed,
        client: SocketAddr::from(([127, 0, 0, 1], 40_000)),
        protocol: Protocol::Socks5,
        user: None,
        app: None,
        target: Target { host, port },
        route: "direct".into(),
        why: Why {
            kind: WhyKind::Mode,
            text: "mode standard".into(),
        },
    }
}

pub fn app(name: &str) -> Arc<App> {
    Arc::new(App {
        name: name.into(),
        path: Some(format!("/usr/bin/{name}").into()),
        pid: 42,
        user: None,
    })
}

pub fn query(text: &str) -> Query {
    Query::parse(text).expect("a query")
}

/// The hosts of the rows that match, in the order of the page.
pub fn hosts(
    connection_log: &ConnectionLog,
    state: RowState,
    text: &str,
    window: PageRequest,
) -> Vec<String> {
    let page = connection_log.page(state, &query(text), &window);
    page.rows.into_iter().map(|row| row.host).collect()
}

pub fn all(connection_log: &ConnectionLog, state: RowState) -> Page {
    connection_log.page(state, &Query::default(), &PageRequest::default())
}
