//! How long a response is fresh (RFC 9111, 4.2 and 5; RFC 9213).

use super::{HOUR, Histories, NONE, STALE};

pub const FRESHNESS: Histories = &[
    (
        "max-age=0",
        &[
            ("GET", "200 | Cache-Control: max-age=0", "asked"),
            ("GET", "200", "asked"),
        ],
    ),
    (
        "an age beyond it",
        &[("GET", STALE, "asked"), ("GET", "200", "asked")],
    ),
    (
        "an age that is no number",
        &[
            (
                "GET",
                "200 | Cache-Control: max-age=3600 | Age: old",
                "asked",
            ),
            ("GET", NONE, "stored"),
        ],
    ),
    (
        "the first of two ages",
        &[
            (
                "GET",
                "200 | Cache-Control: max-age=3600 | Age: 0 | Age: 7200",
                "asked",
            ),
            ("GET", NONE, "stored"),
        ],
    ),
    (
        "the first of two ages on one line",
        &[
            (
                "GET",
                "200 | Cache-Control: max-age=3600 | Age: 7200, 0",
                "asked",
            ),
            ("GET", "200", "asked"),
        ],
    ),
    (
        "an age that is sent on",
        &[(
            "GET",
            "200 | Cache-Control: max-age=3600 | Age: 15",
            "asked | Age: 15",
        )],
    ),
    (
        "a quoted number",
        &[
            ("GET", "200 | Cache-Control: max-age=\"3600\"", "asked"),
            ("GET", NONE, "stored"),
        ],
    ),
    (
        "a number that overflows",
        &[
            ("GET", "200 | Cache-Control: max-age=99999999999", "asked"),
            ("GET", NONE, "stored"),
        ],
    ),
    (
        "a negative number",
        &[
            ("GET", "200 | Cache-Control: max-age=-3600", "asked"),
            ("GET", "200", "asked"),
        ],
    ),
    (
        "Expires",
        &[
            (
                "GET",
                "200 | Expires: Fri, 31 Dec 2100 00:00:00 GMT",
                "asked",
            ),
            ("GET", NONE, "stored"),
        ],
    ),
    (
        "Expires that is no date",
        &[
            ("GET", "200 | Expires: 0", "asked"),
            ("GET", "200", "asked"),
        ],
    ),
    (
        "max-age before Expires",
        &[
            (
                "GET",
                "200 | Cache-Control: max-age=9 | Expires: 0",
                "asked",
            ),
            ("GET", NONE, "stored"),
        ],
    ),
    (
        "s-maxage before max-age",
        &[
            ("GET", "200 | Cache-Control: s-maxage=9, max-age=0", "asked"),
            ("GET", NONE, "stored"),
        ],
    ),
    (
        "heuristics",
        &[
            (
                "GET",
                "200 | Last-Modified: Tue, 15 Nov 1994 08:12:31 GMT",
                "asked",
            ),
            ("GET", NONE, "stored"),
        ],
    ),
    (
        "Pragma of a response",
        &[
            (
                "GET",
                "200 | Cache-Control: max-age=9 | Pragma: no-cache",
                "asked",
            ),
            ("GET", NONE, "stored"),
        ],
    ),
    (
        "no-cache of a request",
        &[
            ("GET", HOUR, "asked"),
            ("GET | Cache-Control: no-cache", HOUR, "asked"),
            ("GET", NONE, "stored"),
        ],
    ),
    (
        "max-age=0 of a request",
        &[
            ("GET", HOUR, "asked"),
            ("GET | Cache-Control: max-age=0", HOUR, "asked"),
        ],
    ),
    (
        "min-fresh of a request",
        &[
            ("GET", HOUR, "asked"),
            ("GET | Cache-Control: min-fresh=9999", HOUR, "asked"),
        ],
    ),
    (
        "max-stale of a request",
        &[
            ("GET", STALE, "asked"),
            ("GET | Cache-Control: max-stale=100", NONE, "stored"),
        ],
    ),
    (
        "only-if-cached",
        &[
            ("GET | Cache-Control: only-if-cached", NONE, "stored | 504"),
            ("GET", HOUR, "asked"),
            ("GET | Cache-Control: only-if-cached", NONE, "stored"),
        ],
    ),
    (
        "only-if-cached of what the store cannot answer",
        &[
            ("POST | Cache-Control: only-if-cached", NONE, "stored | 504"),
            (
                "OPTIONS | Cache-Control: only-if-cached",
                NONE,
                "stored | 504",
            ),
            (
                "GET | Cache-Control: max-age=9 | cache-control: x, ONLY-IF-CACHED | Connection: upgrade | Upgrade: x",
                NONE,
                "stored | 504",
            ),
            (
                "GET | Cache-Control: only-if-cached | Range: bytes=0-1",
                NONE,
                "stored | 504",
            ),
            (
                "GET | Cache-Control: only-if-cached | Authorization: x y",
                NONE,
                "stored | 504",
            ),
            ("GET", STALE, "asked"),
            ("GET | Cache-Control: only-if-cached", NONE, "stored | 504"),
        ],
    ),
    (
        "only-if-cached of what is refreshed in the background",
        &[
            (
                "GET",
                "200 | Cache-Control: max-age=10, stale-while-revalidate=99 | Age: 20",
                "asked | first",
            ),
            (
                "GET | Cache-Control: only-if-cached",
                HOUR,
                "stored | first",
            ),
            (
                "GET | Cache-Control: only-if-cached",
                HOUR,
                "stored | first",
            ),
        ],
    ),
    (
        "immutable",
        &[
            ("GET", "200 | Cache-Control: max-age=9, immutable", "asked"),
            ("GET | Cache-Control: max-age=0", NONE, "stored"),
        ],
    ),
    (
        "CDN-Cache-Control",
        &[
            (
                "GET",
                "200 | CDN-Cache-Control: max-age=9 | Cache-Control: no-store",
                "asked",
            ),
            ("GET", NONE, "stored"),
        ],
    ),
    (
        "a shorter CDN-Cache-Control",
        &[
            (
                "GET",
                "200 | CDN-Cache-Control: max-age=0 | Cache-Control: max-age=9",
                "asked",
            ),
            ("GET", "200", "asked"),
        ],
    ),
    (
        "an invalid CDN-Cache-Control",
        &[
            (
                "GET",
                "200 | CDN-Cache-Control: max-age=9, &&& | Cache-Control: no-store",
                "asked",
            ),
            ("GET", "200", "asked"),
        ],
    ),
    (
        "a string in CDN-Cache-Control",
        &[
            (
                "GET",
                "200 | CDN-Cache-Control: max-age=\"9\" | Cache-Control: no-store",
                "asked",
            ),
            ("GET", "200", "asked"),
        ],
    ),
    (
        "Surrogate-Control",
        &[
            (
                "GET",
                "200 | Surrogate-Control: MAX-AGE=9, x | Cache-Control: no-store | Expires: 0",
                "asked",
            ),
            ("GET", NONE, "stored"),
        ],
    ),
    (
        "a shorter Surrogate-Control",
        &[
            (
                "GET",
                "200 | Surrogate-Control: max-age=0 | Cache-Control: max-age=9",
                "asked",
            ),
            ("GET", "200", "asked"),
        ],
    ),
    (
        "no-store in Surrogate-Control",
        &[
            (
                "GET",
                "200 | Surrogate-Control: no-store | Cache-Control: max-age=9",
                "asked",
            ),
            ("GET", "200", "asked"),
        ],
    ),
    (
        "Surrogate-Control for this cache",
        &[
            (
                "GET",
                "200 | Surrogate-Control: max-age=9;privet | Cache-Control: no-store",
                "asked | >Surrogate-Capability: privet=\"Surrogate/1.0\"",
            ),
            ("GET", NONE, "stored"),
        ],
    ),
    (
        "Surrogate-Control for another cache",
        &[
            (
                "GET",
                "200 | Surrogate-Control: no-store;other, max-age=0;other | Cache-Control: max-age=9",
                "asked",
            ),
            ("GET", NONE, "stored"),
        ],
    ),
    (
        "CDN-Cache-Control before Surrogate-Control",
        &[
            (
                "GET",
                "200 | CDN-Cache-Control: max-age=9 | Surrogate-Control: no-store",
                "asked",
            ),
            ("GET", NONE, "stored"),
        ],
    ),
];
