//! How parts are stored and combined (RFC 9111, 3.3 and 3.4).

use super::{HOUR, Histories, NONE};

const TAGGED: &str =
    "206 | Cache-Control: max-age=99 | ETag: \"v1\" | Content-Range: bytes 0-4/10 > 01234";

pub const RANGES: Histories = &[
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
