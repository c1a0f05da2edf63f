//! What clients and origins send to plant a response for others: the next one who asks plainly gets none of it.

use super::{HOUR, Histories, NONE, Step};

/// The first request's response is not the second one's: both are asked for, and each is stored for itself or not at all.
const APART: &str = "asked | first";

/// Fields that servers build links, redirects and routes from, in spellings that some of them take for the same.
const FIELDS: [&str; 22] = [
    "X-Forwarded-Host: evil.test",
    "X-FORWARDED-HOST: evil.test",
    "X-Forwarded-Proto: http",
    "X-Forwarded-Scheme: nothttps",
    "X-Forwarded-Port: 1",
    "X-Forwarded-Server: evil.test",
    "X-Forwarded-Prefix: //evil.test",
    "X-Forwarded-Uri: /admin",
    "X-Forwarded-Anything: evil.test",
    "Forwarded: host=evil.test",
    "X-Original-URL: /admin",
    "X_Original_URL: /admin",
    "X-Original-Path: /admin",
    "X-Rewrite-URL: /admin",
    "X_Rewrite_Url: /admin",
    "X-Host: evil.test",
    "X_Host: evil.test",
    "X-Http-Destinationurl: http://evil.test/",
    "X-HTTP-Method-Override: DELETE",
    "X_HTTP_Method_Override: DELETE",
    "X-Original-Method: POST",
    "X-Method-Override: PUT",
];

/// A history for each of the fields.
pub fn fields() -> Vec<(String, [Step; 2])> {
    let history = |field: &&'static str| {
        let ask: &'static str = format!("GET | {field}").leak();
        (
            (*field).to_owned(),
            [(ask, HOUR, APART), ("GET", HOUR, "asked | second")],
        )
    };
    FIELDS.iter().map(history).collect()
}

pub const HOSTILE: Histories = &[
    (
        "a HEAD is no GET",
        &[
            ("HEAD", HOUR, "asked"),
            ("GET", HOUR, "asked | second"),
            ("HEAD", NONE, "stored"),
            ("GET", NONE, "stored | second"),
        ],
    ),
    (
        "queries that differ in their order, in what is repeated, or in their case",
        &[
            ("GET ?a=1&a=2", HOUR, "asked | first"),
            ("GET ?a=2&a=1", HOUR, "asked | second"),
            ("GET ?a=1", HOUR, "asked | third"),
            ("GET ?A=1", HOUR, "asked | fourth"),
            ("GET ?a=1;a=2", HOUR, "asked | fifth"),
            ("GET ?a=1&a=2", NONE, "stored | first"),
        ],
    ),
    (
        "an empty query is not none",
        &[
            ("GET ?", HOUR, "asked | first"),
            ("GET", HOUR, "asked | second"),
            ("GET ?%00", HOUR, "asked | third"),
        ],
    ),
    (
        "a part that nobody else asked for",
        &[
            (
                "GET | Range: bytes=0-0",
                "206 | Cache-Control: max-age=9 | Content-Range: bytes 0-0/5 > f",
                "asked | 206 | f",
            ),
            ("GET", HOUR, "asked | second"),
        ],
    ),
    (
        "a part without a request for one",
        &[
            (
                "GET",
                "206 | Cache-Control: max-age=9 | Content-Range: bytes 0-0/5 > f",
                "asked | 206",
            ),
            ("GET", HOUR, "asked | second"),
        ],
    ),
    (
        "416 for a range that does not exist",
        &[
            (
                "GET | Range: bytes=99999999999999999999-",
                "416 | Cache-Control: max-age=9",
                "asked | 416",
            ),
            ("GET", HOUR, "asked | second"),
        ],
    ),
    (
        "304 for a condition of the client's own",
        &[
            (
                "GET | If-None-Match: \"x\"",
                "304 | Cache-Control: max-age=9 | ETag: \"x\"",
                "asked | 304",
            ),
            ("GET", HOUR, "asked | second"),
        ],
    ),
    (
        "412 for a condition that the origin alone judges",
        &[
            (
                "GET | If-Match: \"x\"",
                "412 | Cache-Control: max-age=9",
                "asked | 412",
            ),
            ("GET", HOUR, "asked | second"),
        ],
    ),
    (
        "425, which depends on a field that is not keyed",
        &[
            (
                "GET | Early-Data: 1",
                "425 | Cache-Control: max-age=9",
                "asked | 425",
            ),
            ("GET", HOUR, "asked"),
        ],
    ),
    (
        "431 for a head that is too long",
        &[
            (
                "GET | X-Long: xxxxxxxxxxxxxxxxxxxx",
                "431 | Cache-Control: max-age=9",
                "asked | 431",
            ),
            ("GET", HOUR, "asked"),
        ],
    ),
    (
        "a restriction that Connection names is still one",
        &[
            (
                "GET",
                "200 | Connection: Cache-Control | Cache-Control: no-store, max-age=9",
                "asked",
            ),
            (
                "GET",
                "200 | Connection: Cache-Control | Cache-Control: private, max-age=9",
                "asked",
            ),
            (
                "GET",
                "200 | Connection: Vary | Vary: * | Cache-Control: max-age=9",
                "asked",
            ),
            ("GET", HOUR, "asked"),
        ],
    ),
    (
        "credentials that Connection names are still some",
        &[
            (
                "GET | Connection: Authorization | Authorization: Basic eDp5",
                HOUR,
                "asked | first",
            ),
            ("GET", HOUR, "asked | second"),
        ],
    ),
    (
        "ages that overflow",
        &[
            (
                "GET",
                "200 | Cache-Control: max-age=9 | Age: 99999999999999999999",
                "asked",
            ),
            (
                "GET",
                "200 | Cache-Control: max-age=9 | Age: 4294967295",
                "asked",
            ),
            (
                "GET",
                "200 | Cache-Control: max-age=99999999999999999999 | Age: 99999999999999999999",
                "asked",
            ),
            ("GET", HOUR, "asked"),
        ],
    ),
    (
        "Vary of a field that the client did not send",
        &[
            (
                "GET",
                "200 | Cache-Control: max-age=9 | Vary: X-Evil",
                "asked | first",
            ),
            (
                "GET | X-Evil:",
                "200 | Cache-Control: max-age=9 | Vary: X-Evil",
                "asked | second",
            ),
            (
                "GET | X-Evil: 1",
                "200 | Cache-Control: max-age=9 | Vary: X-Evil",
                "asked | third",
            ),
            ("GET", NONE, "stored | first"),
        ],
    ),
];
