//! The query bar: any text is read or refused without a panic, spaces around it change nothing, and what was read can
//! be held against rows.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use privet_ledger::{End, Ledger, Live, Opening, Query, State, Window};
use privet_policy::{Host, Listener, Protocol, Target, Why, WhyKind};

/// A row that stands and one that was blocked.
static BOOKS: LazyLock<(Ledger, Live)> = LazyLock::new(|| {
    let ledger = Ledger::default();
    ledger.refused(opening("ads.example.net"), End::Blocked, None);
    let live = ledger.open(opening("www.example.com"));
    (ledger, live)
});

fn opening(host: &str) -> Opening {
    Opening {
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
            for state in [State::Active, State::Blocked] {
                assert!(BOOKS.0.page(state, &query, &Window::default()).total <= 1);
            }
        }
    }
});
