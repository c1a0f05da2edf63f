//! What is stored (RFC 9111, 3).

use super::{HOUR, Histories, NONE};

pub const STORING: Histories = &[
    (
        "a lifetime",
        &[("GET", HOUR, "asked"), ("GET", NONE, "stored | Age: *")],
    ),
    (
        "nothing said",
        &[("GET", "200", "asked"), ("GET", "200", "asked")],
    ),
    (
        "no-store",
        &[
            ("GET", "200 | Cache-Control: no-store, max-age=9", "asked"),
            ("GET", "200", "asked"),
        ],
    ),
    (
        "no-store in upper case",
        &[
            ("GET", "200 | Cache-Control: NO-STORE, max-age=9", "asked"),
            ("GET", "200", "asked"),
        ],
    ),
    (
        "no-store in a list of two lines",
        &[
            (
                "GET",
                "200 | Cache-Control: max-age=9 | Cache-Control: x, no-store",
                "asked",
            ),
            ("GET", "200", "asked"),
        ],
    ),
    (
        "private",
        &[
            ("GET", "200 | Cache-Control: private, max-age=9", "asked"),
            ("GET", "200", "asked"),
        ],
    ),
    (
        "no-store of the request",
        &[
            ("GET | Cache-Control: no-store", HOUR, "asked"),
            ("GET", "200", "asked"),
        ],
    ),
    (
        "must-understand",
        &[
            (
                "GET",
                "200 | Cache-Control: max-age=9, no-store, must-understand",
                "asked",
            ),
            ("GET", NONE, "stored"),
        ],
    ),
    (
        "an unknown directive",
        &[
            (
                "GET",
                "200 | Cache-Control: foo=\"no-store\", max-age=9",
                "asked",
            ),
            ("GET", NONE, "stored"),
        ],
    ),
    (
        "credentials",
        &[
            ("GET | Authorization: x y", HOUR, "asked"),
            ("GET | Authorization: x y", "200", "asked"),
        ],
    ),
    (
        "credentials and public",
        &[
            (
                "GET | Authorization: x y",
                "200 | Cache-Control: public, max-age=9",
                "asked",
            ),
            ("GET | Authorization: x y", NONE, "stored"),
        ],
    ),
    (
        "a cookie of the request",
        &[
            ("GET", HOUR, "asked"),
            ("GET | Cookie: a=b", NONE, "stored"),
        ],
    ),
    (
        "a cookie of the response",
        &[
            (
                "GET",
                "200 | Cache-Control: max-age=9 | Set-Cookie: a=b",
                "asked",
            ),
            ("GET", NONE, "stored | Set-Cookie: a=b"),
        ],
    ),
    (
        "a query",
        &[
            ("GET ?a=b", HOUR, "asked"),
            ("GET ?a=b", NONE, "stored"),
            ("GET ?a=c", HOUR, "asked"),
        ],
    ),
    (
        "404",
        &[
            ("GET", "404 | Cache-Control: max-age=9", "asked | 404"),
            ("GET", NONE, "stored | 404"),
        ],
    ),
    (
        "410",
        &[
            ("GET", "410 | Cache-Control: max-age=9", "asked | 410"),
            ("GET", NONE, "stored | 410"),
        ],
    ),
    (
        "301",
        &[
            (
                "GET",
                "301 | Location: /x | Cache-Control: max-age=9",
                "asked | 301",
            ),
            ("GET", NONE, "stored | 301"),
        ],
    ),
    (
        "599",
        &[
            ("GET", "599 | Cache-Control: max-age=9", "asked | 599"),
            ("GET", NONE, "stored | 599"),
        ],
    ),
    (
        "an unknown status without a lifetime",
        &[
            (
                "GET",
                "599 | Last-Modified: Tue, 15 Nov 1994 08:12:31 GMT",
                "asked | 599",
            ),
            ("GET", "200", "asked"),
        ],
    ),
    (
        "fields of one hop",
        &[
            (
                "GET",
                "200 | Cache-Control: max-age=9 | Connection: X-Hop | X-Hop: 1",
                "asked",
            ),
            ("GET", NONE, "stored | -X-Hop"),
        ],
    ),
    (
        "a transfer coding that does not exist",
        &[
            (
                "GET",
                "200 | Cache-Control: max-age=9 | Transfer-Encoding: foo",
                "asked | first",
            ),
            ("GET", NONE, "stored | first | Content-Length: 5"),
        ],
    ),
    (
        "fields for the next hop alone",
        &[
            (
                "GET",
                "200 | Cache-Control: max-age=9 | Proxy-Authenticate: x | Keep-Alive: timeout=9 | TE: x | Upgrade: x",
                "asked",
            ),
            (
                "GET",
                NONE,
                "stored | -Proxy-Authenticate | -Keep-Alive | -TE | -Upgrade",
            ),
        ],
    ),
    (
        "POST for GET",
        &[
            (
                "POST",
                "200 | Cache-Control: max-age=9 | Content-Location: SELF",
                "asked",
            ),
            ("GET", NONE, "stored"),
        ],
    ),
    (
        "POST without its URL",
        &[
            ("POST", "200 | Cache-Control: max-age=9", "asked"),
            ("GET", "200", "asked"),
        ],
    ),
    (
        "POST for another POST",
        &[
            (
                "POST",
                "200 | Cache-Control: max-age=9 | Content-Location: SELF",
                "asked",
            ),
            ("POST", "200", "asked"),
        ],
    ),
];
