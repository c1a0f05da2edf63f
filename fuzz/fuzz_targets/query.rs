//! Queries: any text is parsed or refused without a panic, spaces around it change nothing, and a parsed query can be
//! matched against rows.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use privet_connection_log::{
    CloseReason, ConnectionLog, LiveConnection, NewConnection, PageRequest, Query, RowState,
};
use privet_policy::{Host, Listener, Protocol, Target, Why, WhyKind};

/// An open row and a blocked one.
static LOG: LazyLock<(ConnectionLog, LiveConnection)> = LazyLock::new(|| {
    let connection_log = ConnectionLog::default();
    connection_log.record_refused(opening("ads.example.net"), CloseReason::Blocked, None);
    let live = connection_log.open(opening("www.example.com"));
    (connection_log, live)
});

fn opening(host: &str) -> NewConnection {
    NewConnection {
        listener: Listener::Mixed,
        client: ([127, 0, 0, 1], 4000).into(),
        protocol: Protocol::Socks5,
        user: Some("alice".into()),
        app: None,
        target: Target {
            host: Host::Name(host.into()),
            port: 443,
        },
        route: "direct".into(),
        why: Why {
            kind: WhyKind::Mode,
            text: "mode standard".into(),
        },
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match Query::parse(text) {
        Err(error) => assert!(error.position <= text.chars().count(), "{error}"),
        Ok(query) => {
            if let Ok(spaced) = Query::parse(&format!(" {text} ")) {
                assert_eq!(format!("{spaced:?}"), format!("{query:?}"));
            }
            for state in [RowState::Active, RowState::Blocked] {
                assert!(LOG.0.page(state, &query, &PageRequest::default()).total <= 1);
            }
        }
    }
});
