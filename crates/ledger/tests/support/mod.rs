//! Openings for the tests.
#![allow(dead_code, reason = "each test file uses its part")]

use std::net::SocketAddr;
use std::sync::Arc;

use privet_ledger::{Ledger, Opening, Page, Query, State, Window};
use privet_policy::{App, Host, Listener, Protocol, Target, Why, WhyKind};

pub fn opening(host: &str, port: u16) -> Opening {
    let host = host
        .parse()
        .map_or_else(|_| Host::Name(host.into()), Host::Ip);
    Opening {
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
    })
}

pub fn query(text: &str) -> Query {
    Query::parse(text).expect("a query")
}

/// The hosts of the rows that match, in the order of the window.
pub fn hosts(ledger: &Ledger, state: State, text: &str, window: Window) -> Vec<String> {
    let page = ledger.page(state, &query(text), &window);
    page.rows.into_iter().map(|row| row.host).collect()
}

pub fn all(ledger: &Ledger, state: State) -> Page {
    ledger.page(state, &Query::default(), &Window::default())
}
