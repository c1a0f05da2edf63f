//! `privet connections --format har|csv` and `privet requests --format har` write files that their standards allow.

use std::io::Write;

use privet_tests::Privet;
use privet_tests::client::{connect, read_all, read_head, socks5};
use privet_tests::origin::Origin;
use serde_json::Value;

/// The keys of an object in HAR 1.2: each key's type, and whether it is optional.
/// <http://www.softwareishard.com/blog/har-12-spec/>
type Fields = &'static [(&'static str, Kind, bool)];

#[derive(Clone, Copy)]
enum Kind {
    Text,
    /// ISO 8601: YYYY-MM-DDThh:mm:ss.sTZD.
    Moment,
    Number,
    /// A number; -1: does not apply, or unknown.
    Known,
    Object(Fields),
    Array(Fields),
}
use Kind::{Array, Known, Moment, Number, Object, Text};

const LOG: Fields = &[
    ("version", Text, true),
    ("creator", Object(CREATOR), true),
    ("browser", Object(CREATOR), false),
    ("pages", Array(&[]), false),
    ("entries", Array(ENTRY), true),
    ("comment", Text, false),
];
const CREATOR: Fields = &[
    ("name", Text, true),
    ("version", Text, true),
    ("comment", Text, false),
];
const ENTRY: Fields = &[
    ("pageref", Text, false),
    ("startedDateTime", Moment, true),
    ("time", Number, true),
    ("request", Object(REQUEST), true),
    ("response", Object(RESPONSE), true),
    ("cache", Object(CACHE), true),
    ("timings", Object(TIMINGS), true),
    ("serverIPAddress", Text, false),
    ("connection", Text, false),
    ("comment", Text, false),
];
const REQUEST: Fields = &[
    ("method", Text, true),
    ("url", Text, true),
    ("httpVersion", Text, true),
    ("cookies", Array(NAMED), true),
    ("headers", Array(NAMED), true),
    ("queryString", Array(NAMED), true),
    ("postData", Object(&[]), false),
    ("headersSize", Known, true),
    ("bodySize", Known, true),
    ("comment", Text, false),
];
const RESPONSE: Fields = &[
    ("status", Number, true),
    ("statusText", Text, true),
    ("httpVersion", Text, true),
    ("cookies", Array(NAMED), true),
    ("headers", Array(NAMED), true),
    ("content", Object(CONTENT), true),
    ("redirectURL", Text, true),
    ("headersSize", Known, true),
    ("bodySize", Known, true),
    ("comment", Text, false),
];
const NAMED: Fields = &[("name", Text, true), ("value", Text, true)];
const CONTENT: Fields = &[
    ("size", Number, true),
    ("compression", Number, false),
    ("mimeType", Text, true),
    ("text", Text, false),
    ("encoding", Text, false),
    ("comment", Text, false),
];
const CACHE: Fields = &[
    ("beforeRequest", Object(&[]), false),
    ("afterRequest", Object(&[]), false),
    ("comment", Text, false),
];
const TIMINGS: Fields = &[
    ("blocked", Known, false),
    ("dns", Known, false),
    ("connect", Known, false),
    ("send", Number, true),
    ("wait", Number, true),
    ("receive", Number, true),
    ("ssl", Known, false),
    ("comment", Text, false),
];

/// One sentence for each fault of an object. Custom keys begin with `_`.
fn faults(at: &str, value: &Value, fields: Fields, found: &mut Vec<String>) {
    let Some(object) = value.as_object() else {
        return found.push(format!("{at} is no object"));
    };
    for key in object.keys().filter(|key| !key.starts_with('_')) {
        if !fields.iter().any(|(name, ..)| name == key) {
            found.push(format!("{at}.{key} is not in the standard"));
        }
    }
    for (name, kind, needed) in fields {
        match object.get(*name) {
            Some(value) => one(&format!("{at}.{name}"), value, *kind, found),
            None if *needed => found.push(format!("{at}.{name} is missing")),
            None => {}
        }
    }
}

fn one(at: &str, value: &Value, kind: Kind, found: &mut Vec<String>) {
    let number = value.as_f64();
    let fits = match kind {
        Text => value.is_string(),
        Moment => value.as_str().is_some_and(is_moment),
        Number => number.is_some_and(|number| number >= 0.0),
        Known => number.is_some_and(|number| number >= 0.0 || number == -1.0),
        Object(fields) => return faults(at, value, fields, found),
        Array(fields) => {
            let Some(items) = value.as_array() else {
                return found.push(format!("{at} is no array"));
            };
            for (index, item) in items.iter().enumerate() {
                faults(&format!("{at}[{index}]"), item, fields, found);
            }
            true
        }
    };
    if !fits {
        found.push(format!("{at} cannot be {value}"));
    }
}

fn is_moment(text: &str) -> bool {
    let shape: String = text
        .chars()
        .map(|c| if c.is_ascii_digit() { '9' } else { c })
        .collect();
    shape == "9999-99-99T99:99:99.999Z"
}

/// Whether the times that apply add up to the whole time; `ssl` is part of `connect`.
fn times_add_up(entry: &Value) -> bool {
    let parts = ["blocked", "dns", "connect", "send", "wait", "receive"];
    let sum: f64 = parts
        .iter()
        .filter_map(|part| entry["timings"][part].as_f64())
        .filter(|ms| *ms > 0.0)
        .sum();
    entry["time"]
        .as_f64()
        .is_some_and(|time| (time - sum).abs() < 0.01)
}

/// The entries of an archive, once nothing is wrong with it.
fn checked_entries(text: &str) -> Vec<Value> {
    let archive: Value = serde_json::from_str(text).expect("JSON");
    assert_eq!(archive["log"]["version"], "1.2");
    let mut found = Vec::new();
    faults("log", &archive["log"], LOG, &mut found);
    assert_eq!(found, Vec::<String>::new());
    let entries = archive["log"]["entries"].as_array().expect("entries");
    for entry in entries {
        assert!(times_add_up(entry), "{entry}");
    }
    entries.clone()
}

#[test]
fn the_har_check_finds_each_fault() {
    let mut found = Vec::new();
    let bad = serde_json::json!({
        "version": 1.2, "creator": {"name": "x", "version": "1", "extra": 1},
        "entries": [{"startedDateTime": "today", "_own": 1}],
    });
    faults("log", &bad, LOG, &mut found);
    for fault in [
        "log.version cannot be",
        "log.creator.extra is not",
        "startedDateTime cannot be",
        "request is missing",
    ] {
        assert!(
            found.iter().any(|text| text.contains(fault)),
            "{fault}: {found:?}"
        );
    }
    assert!(!found.iter().any(|text| text.contains("_own")), "{found:?}");
}

#[test]
fn connections_are_exported_as_valid_har() {
    let privet = Privet::start("[filter]\ndeny = [\"bad.example\"]\n");
    let origin = Origin::echo();
    let mut tunnel = socks5(privet.proxy(), "127.0.0.1", origin.port()).expect("a tunnel");
    tunnel.write_all(b"hello").expect("the tunnel takes bytes");
    assert!(socks5(privet.proxy(), "bad.example", 443).is_err());
    privet.await_row("active", |row| {
        row["port"] == origin.port() && row["up"] == 5
    });
    privet.await_row("blocked", |row| row["host"] == "bad.example");

    for (state, method, host, status) in [
        (
            "active",
            "CONNECT",
            format!("127.0.0.1:{}", origin.port()),
            200,
        ),
        ("blocked", "CONNECT", "bad.example:443".to_owned(), 0),
    ] {
        let text = privet
            .cli(&["connections", "--format", "har", "--state", state])
            .good();
        let entries = checked_entries(&text);
        assert_eq!(entries.len(), 1, "{text}");
        assert_eq!(entries[0]["_kind"], "connection");
        assert_eq!(entries[0]["request"]["method"], method);
        let url = entries[0]["request"]["url"].as_str().expect("a URL");
        assert!(url.contains(&host), "{url}");
        assert_eq!(entries[0]["response"]["status"], status);
    }
    let none = privet
        .cli(&[
            "connections",
            "--format",
            "har",
            "--filter",
            "host=nowhere.example",
        ])
        .good();
    let archive: Value = serde_json::from_str(&none).expect("JSON");
    assert_eq!(archive["log"]["entries"], serde_json::json!([]));
    assert_eq!(
        privet
            .cli(&["connections", "--format", "har", "--filter", "nosuch:x"])
            .code,
        2
    );
}

/// Sends a POST and a GET on one connection and waits until both are recorded.
fn two_requests(privet: &Privet, origin: &Origin) {
    let mut stream = connect(privet.proxy());
    let (posted, read) = (
        origin.url("/bytes/10"),
        origin.url("/hello?token=secret&b=1"),
    );
    write!(
        stream,
        "POST {posted} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
    )
    .expect("open");
    let head = read_head(&mut stream);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let mut body = [0; 10];
    std::io::Read::read_exact(&mut stream, &mut body).expect("the body");
    write!(
        stream,
        "GET {read} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    .expect("open");
    read_head(&mut stream);
    assert_eq!(read_all(&mut stream), b"hello from the origin\n");
    privet.await_api("status", |status| status["totals"]["active"] == 0);
}

#[test]
fn recorded_requests_are_entries_of_their_own_with_redacted_queries() {
    let privet = Privet::start("");
    let origin = Origin::http();
    two_requests(&privet, &origin);
    let export = |more: &[&str]| {
        let args = [
            &["connections", "--format", "har", "--state", "closed"][..],
            more,
        ]
        .concat();
        privet.cli(&args).good()
    };
    let text = export(&[]);
    assert!(!text.contains("secret"), "{text}");
    let entries = checked_entries(&text);
    assert_eq!(entries.len(), 2, "{text}");
    let [post, get] = [&entries[0], &entries[1]];
    let row = &privet.rows("closed")[0];
    for entry in [post, get] {
        assert_eq!(entry["_kind"], "request");
        assert_eq!(entry["connection"], row["id"].to_string());
        assert_eq!(entry["serverIPAddress"], "127.0.0.1");
        assert_eq!(entry["request"]["httpVersion"], "HTTP/1.1");
        assert_eq!(entry["response"]["status"], 200);
        assert_eq!(entry["response"]["statusText"], "OK");
        assert!(entry["request"]["headersSize"].as_u64() > Some(40));
        assert!(entry["response"]["headersSize"].as_u64() > Some(15));
    }
    assert_eq!(post["request"]["method"], "POST");
    assert_eq!(post["request"]["url"], origin.url("/bytes/10"));
    assert_eq!(post["request"]["bodySize"], 5);
    assert_eq!(post["response"]["bodySize"], 10);
    assert!(post["timings"]["connect"].as_f64() >= Some(0.0), "{post}");
    assert_eq!(get["request"]["bodySize"], 0);
    assert_eq!(get["response"]["content"]["size"], 22);
    assert_eq!(get["request"]["queryString"], serde_json::json!([]));
    // The second request went on the connection of the first.
    assert_eq!(get["timings"]["connect"], -1.0, "{get}");

    let shown = checked_entries(&export(&["--queries"]));
    assert_eq!(
        shown[1]["request"]["url"],
        origin.url("/hello?token=secret&b=1")
    );
    assert_eq!(shown[1]["request"]["queryString"][0]["name"], "token");
    assert_eq!(shown[1]["request"]["queryString"][0]["value"], "secret");
    let one = ["requests", "--format", "har", "--filter", "method:POST"];
    let found = checked_entries(&privet.cli(&one).good());
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["startedDateTime"], post["startedDateTime"]);
}

#[test]
fn a_mode_without_history_exports_no_request() {
    let privet = Privet::start("[modes.standard]\nhistory = false\n");
    two_requests(&privet, &Origin::http());
    let all = checked_entries(&privet.cli(&["requests", "--format", "har"]).good());
    assert_eq!(all, Vec::<Value>::new());
    let export = ["connections", "--format", "har", "--state", "closed"];
    for entry in checked_entries(&privet.cli(&export).good()) {
        assert_eq!(entry["_kind"], "connection");
        assert_eq!(entry["request"]["method"], "UNKNOWN");
    }
}

#[test]
fn connections_are_exported_as_csv_one_per_line() {
    let privet = Privet::start("");
    let origin = Origin::echo();
    let _tunnels =
        [(); 3].map(|()| socks5(privet.proxy(), "127.0.0.1", origin.port()).expect("a tunnel"));
    privet.await_api("connections", |page| page["total"] == 3);
    let text = privet.cli(&["connections", "--format", "csv"]).good();
    let lines: Vec<&str> = text.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert!(lines[0].starts_with("id,state,started,"), "{}", lines[0]);
    for line in &lines[1..] {
        assert_eq!(
            line.split(',').count(),
            lines[0].split(',').count(),
            "{line}"
        );
        assert!(line.contains(",127.0.0.1,"), "{line}");
    }
}
