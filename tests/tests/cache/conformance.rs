//! Behaviour that the standards ask of a cache or allow it, one short history each, through a site with a cache.
//!
//! A step is a request, what the origin answers should it be asked, and what has to be seen. The parts of each are between
//! bars. What a response's age makes stale needs no waiting.

use std::collections::HashMap;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use privet_tests::backend::SiteAnswer;
use privet_tests::client::{connect, read_head};
use privet_tests::{Backend, Privet, SiteClient, reserve};

/// `(request, response of the origin, what is seen)`.
type Step = (&'static str, &'static str, &'static str);

const HOUR: &str = "200 | Cache-Control: max-age=3600";
const STALE: &str = "200 | Cache-Control: max-age=10 | Age: 20 | ETag: \"v1\"";
const NONE: &str = "";

const STORING: &[(&str, &[Step])] = &[
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

const FRESHNESS: &[(&str, &[Step])] = &[
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
];

const VALIDATION: &[(&str, &[Step])] = &[
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

const VARY: &[(&str, &[Step])] = &[
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

const INVALIDATION: &[(&str, &[Step])] = &[
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

const TAGGED: &str =
    "206 | Cache-Control: max-age=99 | ETag: \"v1\" | Content-Range: bytes 0-4/10 > 01234";

const RANGES: &[(&str, &[Step])] = &[
    (
        "of a stored whole",
        &[
            (
                "GET",
                "200 | Cache-Control: max-age=9 > 0123456789A",
                "asked",
            ),
            ("GET | Range: bytes=0-1", NONE, "stored | 206 | =01"),
            ("GET | Range: bytes=1-", NONE, "stored | 206 | =123456789A"),
            ("GET | Range: bytes=-1", NONE, "stored | 206 | =A"),
            ("GET | Range: bytes=99-", NONE, "stored | 416"),
        ],
    ),
    (
        "a stored part",
        &[
            (
                "GET | Range: bytes=-5",
                "206 | Cache-Control: max-age=9 | Content-Range: bytes 5-9/10 > 56789",
                "asked | 206 | =56789 | >Range: bytes=-5",
            ),
            ("GET | Range: bytes=-5", NONE, "stored | 206 | =56789"),
            ("GET | Range: bytes=6-8", NONE, "stored | 206 | =678"),
            ("GET | Range: bytes=6-", NONE, "stored | 206 | =6789"),
            (
                "GET | Range: bytes=-1",
                NONE,
                "stored | 206 | =9 | Content-Range: bytes 9-9/10",
            ),
        ],
    ),
    (
        "a part that is not stored",
        &[
            ("GET | Range: bytes=0-4", TAGGED, "asked | 206"),
            (
                "GET | Range: bytes=7-8",
                "206 | Cache-Control: max-age=99 | ETag: \"v1\" | Content-Range: bytes 7-8/10 > 78",
                "asked | 206 | =78 | >Range: bytes=7-8 | >If-Range: \"v1\"",
            ),
            ("GET | Range: bytes=0-4", NONE, "stored | 206 | =01234"),
        ],
    ),
    (
        "the rest of a part",
        &[
            ("GET | Range: bytes=0-4", TAGGED, "asked | 206"),
            (
                "GET | Range: bytes=3-6",
                "206 | Cache-Control: max-age=99 | ETag: \"v1\" | Content-Range: bytes 5-6/10 > 56",
                "asked | 206 | =3456 | >Range: bytes=5-6",
            ),
            (
                "GET",
                "206 | Cache-Control: max-age=99 | ETag: \"v1\" | Content-Range: bytes 7-9/10 > 789",
                "asked | 200 | =0123456789 | >Range: bytes=7-9",
            ),
            ("GET", NONE, "stored | 200 | =0123456789"),
            ("GET | Range: bytes=-2", NONE, "stored | 206 | =89"),
        ],
    ),
    (
        "new fields of a part",
        &[
            (
                "GET | Range: bytes=0-4",
                "206 | Cache-Control: max-age=99 | ETag: \"v1\" | X-A: 1 | X-B: 1 | Content-Range: bytes 0-4/10 > 01234",
                "asked | 206",
            ),
            (
                "GET",
                "206 | ETag: \"v1\" | X-A: 2 | Content-Range: bytes 5-9/10 > 56789",
                "asked | 200 | X-A: 2 | X-B: 1 | =0123456789",
            ),
        ],
    ),
    (
        "a changed representation",
        &[
            ("GET | Range: bytes=0-4", TAGGED, "asked | 206"),
            (
                "GET | Range: bytes=3-6",
                "200 | Cache-Control: max-age=99 | ETag: \"v2\" > abcdefghij",
                "asked | 206 | =defg",
            ),
            ("GET", NONE, "stored | =abcdefghij"),
        ],
    ),
    (
        "a weak tag",
        &[
            (
                "GET | Range: bytes=0-4",
                "206 | Cache-Control: max-age=99 | ETag: W/\"v1\" | Content-Range: bytes 0-4/10 > 01234",
                "asked | 206",
            ),
            (
                "GET | Range: bytes=0-6",
                "206 | Cache-Control: max-age=99 | ETag: W/\"v1\" | Content-Range: bytes 0-6/10 > 0123456",
                "asked | 206 | =0123456 | >-If-Range",
            ),
        ],
    ),
    (
        "a wrong Content-Range",
        &[
            (
                "GET | Range: bytes=0-4",
                "206 | Cache-Control: max-age=99 | Content-Range: bytes 3-7/10 > 34567",
                "asked | 206",
            ),
            ("GET | Range: bytes=3-7", HOUR, "asked | 206"),
        ],
    ),
    (
        "a Content-Range of another length",
        &[
            (
                "GET | Range: bytes=0-4",
                "206 | Cache-Control: max-age=99 | Content-Range: bytes 0-4/4 > 01234",
                "asked | 206",
            ),
            ("GET | Range: bytes=0-4", HOUR, "asked | 206"),
        ],
    ),
    (
        "If-Range that holds",
        &[
            ("GET | Range: bytes=0-4", TAGGED, "asked | 206"),
            (
                "GET | Range: bytes=1-2 | If-Range: \"v1\"",
                NONE,
                "stored | 206 | =12",
            ),
        ],
    ),
    (
        "If-Range that does not hold",
        &[
            ("GET | Range: bytes=0-4", TAGGED, "asked | 206"),
            (
                "GET | Range: bytes=1-2 | If-Range: \"v2\"",
                "200 | Cache-Control: max-age=99 | ETag: \"v3\" > abcdefghij",
                "asked | 200 | =abcdefghij",
            ),
        ],
    ),
    (
        "a part for a request of the whole",
        &[
            (
                "GET",
                "206 | Cache-Control: max-age=99 | Content-Range: bytes 0-4/10 > 01234",
                "asked | 206",
            ),
            ("GET", HOUR, "asked"),
        ],
    ),
    (
        "an invalidated part",
        &[
            ("GET | Range: bytes=0-4", TAGGED, "asked | 206"),
            ("POST", "200", "asked"),
            ("GET | Range: bytes=0-4", HOUR, "asked | 206"),
        ],
    ),
];

/// What the origin answers next for each path, and the heads that it got.
#[derive(Default)]
struct Script {
    next: HashMap<String, (usize, String)>,
    heads: Vec<String>,
}

struct Place {
    _privet: Privet,
    listen: SocketAddr,
    script: Arc<Mutex<Script>>,
    _origin: Backend,
}

const WORDS: [&str; 5] = ["first", "second", "third", "fourth", "fifth"];

/// The response that a step describes, as bytes.
fn response(text: &str, path: &str, number: usize, method: &str) -> String {
    let mut out = String::new();
    for text in text.split(" + ") {
        let (head, body) = match text.split_once(" > ") {
            Some((head, body)) => (head, body.to_owned()),
            None => (text, WORDS[number].to_owned()),
        };
        let mut parts = head.split(" | ");
        let status = parts.next().expect("a status");
        out += &format!("HTTP/1.1 {status} x\r\n");
        for field in parts {
            out += &format!("{}\r\n", field.replace("SELF", path));
        }
        let has_body = !status.starts_with('1') && status != "304";
        if has_body && !head.contains("Content-Length") {
            out += &format!("Content-Length: {}\r\n", body.len());
        }
        out += "\r\n";
        if has_body && method != "HEAD" {
            out += &body;
        }
    }
    out
}

impl Place {
    fn start() -> Self {
        let script: Arc<Mutex<Script>> = Arc::default();
        let played = script.clone();
        let origin = Backend::answering(move |stream, head, _| {
            let mut line = head.split(' ');
            let method = line.next().expect("a method");
            let target = line.next().expect("a target");
            let path = target.split('?').next().expect("a path");
            let mut script = played.lock().expect("no panic");
            script.heads.push(head.to_owned());
            let (number, next) = script.next.get(path).cloned().expect("a script");
            drop(script);
            // What another URL names is the one under test.
            let own = path.strip_suffix("/other").unwrap_or(path);
            let bytes = response(&next, own, number, method);
            stream.write_all(bytes.as_bytes())
        });
        let listen = reserve();
        let privet = Privet::start(&format!(
            "[[site]]\nname = \"app\"\nlisten = [\"{listen}\"]\nhosts = [\"app.test\"]\ncache = true\n\
             [[site.backend]]\nurl = \"{}\"\n",
            origin.url()
        ));
        Self {
            _privet: privet,
            listen,
            script,
            _origin: origin,
        }
    }

    /// Sends a step's request. Gives the answer, and the heads that the origin got for it.
    fn send(&self, ask: &str, path: &str) -> SiteAnswer {
        let mut parts = ask.split(" | ");
        let mut line = parts.next().expect("a method").split(' ');
        let method = line.next().expect("a method");
        let rest = line.next().unwrap_or_default();
        let mut text = format!("{method} {path}{rest} HTTP/1.1\r\nHost: app.test\r\n");
        for field in parts {
            text += &format!("{field}\r\n");
        }
        if matches!(method, "POST" | "PUT") {
            text += "Content-Length: 2\r\n\r\nhi";
        } else {
            text += "\r\n";
        }
        if method == "HEAD" {
            return self.head(&text);
        }
        SiteClient::connect(self.listen, "app.test").request(&text)
    }

    /// The answer to a HEAD, which announces a body that does not follow.
    fn head(&self, text: &str) -> SiteAnswer {
        let mut stream = connect(self.listen);
        stream.write_all(text.as_bytes()).expect("open");
        let head = read_head(&mut stream);
        let status = head.split(' ').nth(1).expect("a status");
        SiteAnswer {
            status: status.parse().expect("a number"),
            head,
            body: String::new(),
        }
    }

    /// Plays a history, and gives what was not as it should be.
    fn play(&self, path: &str, steps: &[Step]) -> Result<(), String> {
        let mut asked = 0;
        for (at, (ask, reply, wanted)) in steps.iter().enumerate() {
            {
                let mut script = self.script.lock().expect("no panic");
                script.heads.clear();
                for place in ["", "/other"] {
                    let next = (asked, (*reply).to_owned());
                    script.next.insert(format!("{path}{place}"), next);
                }
            }
            let answer = self.send(ask, path);
            let heads = self.script.lock().expect("no panic").heads.clone();
            let sent = heads.first().map(String::as_str);
            check(wanted, &answer, sent)
                .map_err(|why| format!("step {at} ({ask}): {why}\n{}", answer.head))?;
            asked += usize::from(wanted.starts_with("asked"));
        }
        Ok(())
    }
}

fn check(wanted: &str, answer: &SiteAnswer, sent: Option<&str>) -> Result<(), String> {
    let mut parts = wanted.split(" | ");
    let kind = parts.next().expect("a kind");
    let fits = match kind {
        "asked" => sent.is_some(),
        "stored" => sent.is_none(),
        // It may have been asked already, or not yet.
        _ => true,
    };
    if !fits {
        return Err(format!("it is not {kind}"));
    }
    let field = |head: &str, name: &str| privet_tests::origin::field(head, name).map(str::to_owned);
    for part in parts {
        let holds = if let Some(body) = part.strip_prefix('=') {
            answer.body == body
        } else if let Some(name) = part.strip_prefix(">-") {
            field(sent.unwrap_or_default(), name).is_none()
        } else if let Some(line) = part.strip_prefix('>') {
            let (name, value) = line.split_once(": ").expect("a field");
            field(sent.unwrap_or_default(), name).as_deref() == Some(value)
        } else if let Some(name) = part.strip_prefix('-') {
            answer.field(name).is_none()
        } else if let Some((name, value)) = part.split_once(": ") {
            let found = answer.field(name);
            found.is_some_and(|found| value == "*" || found == value)
        } else if let Ok(status) = part.parse::<u16>() {
            answer.status == status
        } else {
            answer.body == part
        };
        if !holds {
            return Err(format!(
                "{part} does not hold: {:?}, sent: {sent:?}",
                answer.body
            ));
        }
    }
    let has_status = wanted.split(" | ").any(|part| part.parse::<u16>().is_ok());
    match has_status || answer.status == 200 {
        true => Ok(()),
        false => Err(format!("the status is {}", answer.status)),
    }
}

#[track_caller]
fn play_all(histories: &[(&str, &[Step])]) {
    let place = Place::start();
    let failed: Vec<String> = histories
        .iter()
        .enumerate()
        .filter_map(|(at, (name, steps))| {
            let played = place.play(&format!("/{at}"), steps);
            played.err().map(|why| format!("{name}: {why}"))
        })
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

#[test]
fn what_is_stored() {
    play_all(STORING);
}

#[test]
fn how_long_it_is_fresh() {
    play_all(FRESHNESS);
}

#[test]
fn how_it_is_validated() {
    play_all(VALIDATION);
}

#[test]
fn which_requests_have_one_response() {
    play_all(VARY);
}

#[test]
fn what_makes_it_invalid() {
    play_all(INVALIDATION);
}

#[test]
fn how_parts_are_stored_and_combined() {
    play_all(RANGES);
}
