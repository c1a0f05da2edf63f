//! Which requests have one response (RFC 9111, 4.1; No-Vary-Search).

use super::{HOUR, Histories, NONE};

pub const VARY: Histories = &[
    (
        "the same value",
        &[
            (
                "GET | A: 1",
                "200 | Cache-Control: max-age=9 | Vary: A",
                "asked",
            ),
            ("GET | A: 1 | B: 2", NONE, "stored"),
        ],
    ),
    (
        "another value",
        &[
            (
                "GET | A: 1",
                "200 | Cache-Control: max-age=9 | Vary: A",
                "asked",
            ),
            ("GET | A: 2", HOUR, "asked"),
        ],
    ),
    (
        "no value",
        &[
            (
                "GET | A: 1",
                "200 | Cache-Control: max-age=9 | Vary: A",
                "asked",
            ),
            ("GET", HOUR, "asked"),
        ],
    ),
    (
        "two variants",
        &[
            (
                "GET | A: 1",
                "200 | Cache-Control: max-age=9 | Vary: A",
                "asked",
            ),
            (
                "GET | A: 2",
                "200 | Cache-Control: max-age=9 | Vary: A",
                "asked",
            ),
            ("GET | A: 1", NONE, "stored | first"),
            ("GET | A: 2", NONE, "stored | second"),
        ],
    ),
    (
        "two fields on two lines",
        &[
            (
                "GET | A: 1 | B: 2",
                "200 | Cache-Control: max-age=9 | Vary: A | Vary: b",
                "asked",
            ),
            ("GET | B: 2 | A: 1", NONE, "stored"),
            ("GET | B: 3 | A: 1", HOUR, "asked"),
        ],
    ),
    (
        "everything",
        &[
            ("GET", "200 | Cache-Control: max-age=9 | Vary: *", "asked"),
            ("GET", "200", "asked"),
        ],
    ),
    (
        "spaces",
        &[
            (
                "GET | A: 1,2",
                "200 | Cache-Control: max-age=9 | Vary: A",
                "asked",
            ),
            ("GET | A:  1, 2 ", NONE, "stored"),
        ],
    ),
    (
        "lines that are one list",
        &[
            (
                "GET | A: 1, 2",
                "200 | Cache-Control: max-age=9 | Vary: A",
                "asked",
            ),
            ("GET | A: 1 | A: 2", NONE, "stored"),
        ],
    ),
    (
        "the order of languages",
        &[
            (
                "GET | Accept-Language: en, de",
                "200 | Cache-Control: max-age=9 | Vary: Accept-Language",
                "asked",
            ),
            ("GET | Accept-Language: de, en", NONE, "stored"),
        ],
    ),
    (
        "No-Vary-Search",
        &[
            (
                "GET ?a=1&id=7",
                "200 | Cache-Control: max-age=9 | No-Vary-Search: params=(\"a\")",
                "asked",
            ),
            ("GET ?id=7&a=2", NONE, "stored | first"),
            ("GET ?id=7", NONE, "stored | first"),
            ("GET ?id=8", HOUR, "asked | second"),
        ],
    ),
    (
        "No-Vary-Search that is withdrawn",
        &[
            (
                "GET ?a=1",
                "200 | Cache-Control: max-age=0 | ETag: \"v\" | No-Vary-Search: params",
                "asked",
            ),
            ("GET ?a=2", HOUR, "asked | second"),
            ("GET ?a=3", HOUR, "asked | third"),
            ("GET ?a=2", NONE, "stored | second"),
        ],
    ),
];
