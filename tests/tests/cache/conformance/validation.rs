//! How responses are validated and updated (RFC 9111, 4.3; RFC 5861).

use super::{CLOSES, HOUR, Histories, NONE, STALE};

pub const VALIDATION: Histories = &[
    (
        "a tag",
        &[
            ("GET", STALE, "asked"),
            (
                "GET",
                "304 | ETag: \"v1\" | Cache-Control: max-age=9 | X-New: 1",
                "asked | 200 | first | X-New: 1 | >If-None-Match: \"v1\"",
            ),
            ("GET", NONE, "stored | first | X-New: 1"),
        ],
    ),
    (
        "a date",
        &[
            (
                "GET",
                "200 | Cache-Control: max-age=0 | Last-Modified: Tue, 15 Nov 1994 08:12:31 GMT",
                "asked",
            ),
            (
                "GET",
                "304",
                "asked | 200 | first | >If-Modified-Since: Tue, 15 Nov 1994 08:12:31 GMT",
            ),
        ],
    ),
    (
        "fields that describe the stored bytes",
        &[
            (
                "GET",
                "200 | Cache-Control: max-age=0 | ETag: \"v1\" | Content-Encoding: x | Content-Type: text/a",
                "asked",
            ),
            (
                "GET",
                "304 | Cache-Control: max-age=9 | ETag: \"v1\" | Content-Encoding: y | Content-Type: text/b",
                "asked | 200 | first | Content-Encoding: x | Content-Type: text/b",
            ),
            (
                "GET",
                NONE,
                "stored | first | Content-Encoding: x | Content-Type: text/b",
            ),
        ],
    ),
    (
        "another response",
        &[
            ("GET", STALE, "asked"),
            ("GET", HOUR, "asked | second"),
            ("GET", NONE, "stored | second"),
        ],
    ),
    (
        "the client's tag",
        &[
            (
                "GET",
                "200 | Cache-Control: max-age=9 | ETag: \"v1\"",
                "asked",
            ),
            (
                "GET | If-None-Match: \"x\", \"v1\"",
                NONE,
                "stored | 304 | ETag: \"v1\"",
            ),
        ],
    ),
    (
        "the client's weak tag",
        &[
            (
                "GET",
                "200 | Cache-Control: max-age=9 | ETag: W/\"v1\"",
                "asked",
            ),
            ("GET | If-None-Match: \"v1\"", NONE, "stored | 304"),
        ],
    ),
    (
        "another tag of the client",
        &[
            (
                "GET",
                "200 | Cache-Control: max-age=9 | ETag: \"v1\"",
                "asked",
            ),
            ("GET | If-None-Match: \"x\"", NONE, "stored | 200"),
        ],
    ),
    (
        "the client's date",
        &[
            (
                "GET",
                "200 | Cache-Control: max-age=9 | Last-Modified: Tue, 15 Nov 1994 08:12:31 GMT",
                "asked",
            ),
            (
                "GET | If-Modified-Since: Tue, 15 Nov 1994 08:12:31 GMT",
                NONE,
                "stored | 304",
            ),
        ],
    ),
    (
        "the client's tag before its date",
        &[
            (
                "GET",
                "200 | Cache-Control: max-age=9 | ETag: \"v1\" | Last-Modified: Tue, 15 Nov 1994 08:12:31 GMT",
                "asked",
            ),
            (
                "GET | If-None-Match: \"x\" | If-Modified-Since: Fri, 31 Dec 2100 00:00:00 GMT",
                NONE,
                "stored | 200",
            ),
        ],
    ),
    (
        "the client's tag with nothing stored",
        &[(
            "GET | If-None-Match: \"x\"",
            HOUR,
            "asked | >If-None-Match: \"x\"",
        )],
    ),
    (
        "no-cache",
        &[
            (
                "GET",
                "200 | Cache-Control: no-cache, max-age=9 | ETag: \"v1\"",
                "asked",
            ),
            ("GET", "304 | ETag: \"v1\"", "asked | first"),
        ],
    ),
    (
        "stale-if-error",
        &[
            (
                "GET",
                "200 | Cache-Control: max-age=10, stale-if-error=99 | Age: 20",
                "asked",
            ),
            ("GET", "503", "asked | 200 | first"),
        ],
    ),
    (
        "no answer",
        &[
            ("GET", STALE, "asked"),
            ("GET", CLOSES, "asked | 200 | first"),
            ("GET | Cache-Control: max-age=0", CLOSES, "asked | 502"),
        ],
    ),
    (
        "no answer and a response that forbids to be stale",
        &[
            (
                "GET",
                "200 | Cache-Control: max-age=10, must-revalidate | Age: 20 | ETag: \"v1\"",
                "asked",
            ),
            ("GET", CLOSES, "asked | 502"),
        ],
    ),
    (
        "no answer and a shared cache's lifetime",
        &[
            (
                "GET",
                "200 | Cache-Control: s-maxage=10 | Age: 20 | ETag: \"v1\"",
                "asked",
            ),
            ("GET", CLOSES, "asked | 502"),
        ],
    ),
    (
        "no answer two days later",
        &[
            (
                "GET",
                "200 | Cache-Control: max-age=10 | Age: 172800 | ETag: \"v1\"",
                "asked",
            ),
            ("GET", CLOSES, "asked | 502"),
        ],
    ),
    (
        "an error without it",
        &[("GET", STALE, "asked"), ("GET", "503", "asked | 503")],
    ),
    (
        "an error that must not be hidden",
        &[
            (
                "GET",
                "200 | Cache-Control: max-age=10, must-revalidate, stale-if-error=99 | Age: 20",
                "asked",
            ),
            ("GET", "503", "asked | 503"),
        ],
    ),
    (
        "stale-while-revalidate",
        &[
            (
                "GET",
                "200 | Cache-Control: max-age=10, stale-while-revalidate=99 | Age: 20",
                "asked",
            ),
            ("GET", HOUR, "refreshed | first"),
        ],
    ),
    (
        "HEAD updates",
        &[
            (
                "GET",
                "200 | Cache-Control: max-age=10 | Age: 20 | X-Kept: 1 | X-New: 1",
                "asked",
            ),
            (
                "HEAD",
                "200 | Cache-Control: max-age=99 | X-New: 2 | Content-Length: 5",
                "asked",
            ),
            ("GET", NONE, "stored | first | X-Kept: 1 | X-New: 2"),
        ],
    ),
    (
        "HEAD tells of another response",
        &[
            (
                "GET",
                "200 | Cache-Control: max-age=99 | ETag: \"v1\"",
                "asked",
            ),
            (
                "HEAD | Cache-Control: no-cache",
                "200 | ETag: \"v2\" | Content-Length: 5",
                "asked",
            ),
            ("GET", HOUR, "asked | third"),
        ],
    ),
    (
        "HEAD from the store",
        &[
            ("GET", HOUR, "asked"),
            ("HEAD", NONE, "stored | Content-Length: 5"),
        ],
    ),
];
