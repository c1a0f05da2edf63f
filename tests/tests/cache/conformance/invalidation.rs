//! What makes stored responses invalid (RFC 9111, 4.4; RFC 9875).

use super::{HOUR, Histories, NONE};

pub const INVALIDATION: Histories = &[
    (
        "POST",
        &[
            ("GET", HOUR, "asked"),
            ("POST", "200", "asked"),
            ("GET", HOUR, "asked"),
        ],
    ),
    (
        "an unknown method",
        &[
            ("GET", HOUR, "asked"),
            ("M-SEARCH", "200", "asked"),
            ("GET", HOUR, "asked"),
        ],
    ),
    (
        "DELETE that fails",
        &[
            ("GET", HOUR, "asked"),
            ("DELETE", "500", "asked | 500"),
            ("GET", NONE, "stored"),
        ],
    ),
    (
        "Location",
        &[
            ("GET", HOUR, "asked"),
            ("POST /other", "201 | Location: SELF", "asked | 201"),
            ("GET", HOUR, "asked"),
        ],
    ),
    (
        "Content-Location",
        &[
            ("GET", HOUR, "asked"),
            ("PUT /other", "200 | Content-Location: SELF", "asked"),
            ("GET", HOUR, "asked"),
        ],
    ),
    (
        "Location of another host",
        &[
            ("GET", HOUR, "asked"),
            (
                "POST /other",
                "201 | Location: http://other.testSELF",
                "asked | 201",
            ),
            ("GET", NONE, "stored"),
        ],
    ),
    (
        "with No-Vary-Search",
        &[
            (
                "GET ?a=1",
                "200 | Cache-Control: max-age=9 | No-Vary-Search: params",
                "asked",
            ),
            ("POST ?a=2", "200", "asked"),
            ("GET ?a=3", HOUR, "asked"),
        ],
    ),
    (
        "a group",
        &[
            (
                "GET",
                "200 | Cache-Control: max-age=9 | Cache-Groups: \"a\", \"b\"",
                "asked",
            ),
            (
                "POST /other",
                "200 | Cache-Group-Invalidation: \"b\"",
                "asked",
            ),
            ("GET", HOUR, "asked"),
        ],
    ),
    (
        "another group",
        &[
            (
                "GET",
                "200 | Cache-Control: max-age=9 | Cache-Groups: \"a\"",
                "asked",
            ),
            (
                "POST /other",
                "200 | Cache-Group-Invalidation: \"b\", a",
                "asked",
            ),
            ("GET", NONE, "stored"),
        ],
    ),
    (
        "a group named by a safe method",
        &[
            (
                "GET",
                "200 | Cache-Control: max-age=9 | Cache-Groups: \"a\"",
                "asked",
            ),
            (
                "GET /other",
                "200 | Cache-Group-Invalidation: \"a\"",
                "asked",
            ),
            ("GET", NONE, "stored"),
        ],
    ),
];
