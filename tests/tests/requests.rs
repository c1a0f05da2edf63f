//! Requests that can be read, as rows of their own: what is kept, what is redacted, and what turns it off.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use privet_tests::client::{connect, read_all, read_head, socks5};
use privet_tests::wait::until;
use privet_tests::{Origin, Privet};
use serde_json::Value;

/// A stream of events.
struct Events(Box<dyn Iterator<Item = String>>);

impl Events {
    fn watch(privet: &Privet, query: &str) -> Self {
        let mut socket = UnixStream::connect(privet.sandbox.socket()).expect("the socket answers");
        socket
            .set_read_timeout(Some(privet_tests::TIMEOUT))
            .expect("a socket takes a timeout");
        write!(
            socket,
            "GET /api/v1/events?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )
        .expect("open");
        Self(Box::new(
            BufReader::new(socket).lines().map_while(Result::ok),
        ))
    }

    /// The page of the next event.
    fn page(&mut self) -> Value {
        let data = self
            .0
            .find_map(|line| Some(line.strip_prefix("data: ")?.to_owned()));
        serde_json::from_str(&data.expect("an event")).expect("JSON")
    }
}

/// Sends a GET for each path and waits for the whole answers.
fn get(privet: &Privet, origin: &Origin, paths: &[&str]) {
    for path in paths {
        let mut stream = connect(privet.proxy());
        let url = origin.url(path);
        write!(
            stream,
            "GET {url} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        .expect("open");
        read_head(&mut stream);
        read_all(&mut stream);
    }
}

/// The rows of `privet requests` with these words, once there are `count` of them.
fn rows(privet: &Privet, words: &[&str], count: usize) -> Vec<Value> {
    let mut args = vec!["requests"];
    args.extend(words);
    let mut found = Vec::new();
    until(&format!("{count} rows of {words:?}"), || {
        found = privet.json(&args)["rows"].as_array().expect("rows").clone();
        found.len() == count
    });
    found
}

#[test]
fn each_request_is_a_row_with_its_status_and_bytes_and_a_redacted_query() {
    let origin = Origin::http();
    let privet = Privet::start("");
    get(&privet, &origin, &["/bytes/10", "/bytes/20?token=secret"]);
    let newest_first = rows(&privet, &[], 2);
    let row = &newest_first[0];
    assert_eq!(row["method"], "GET");
    assert_eq!(row["status"], 200);
    assert_eq!(row["url"], format!("{}?…", origin.url("/bytes/20")));
    assert!(row["down"].as_u64().expect("bytes") > 20);
    assert!(
        row["total_ms"].as_f64().expect("time") >= row["first_byte_ms"].as_f64().expect("time")
    );
    assert_eq!(row["route"], "direct");
    assert_eq!(row["http_version"], "HTTP/1.1");
    assert_eq!(row["remote"], "127.0.0.1");
    assert!(row["up_head"] == row["up"], "{row}");
    // The first request opened a connection; the second may have found it.
    assert!(
        newest_first[1]["connect_ms"].is_number(),
        "{}",
        newest_first[1]
    );
    let body = row["down"].as_u64().expect("bytes") - row["down_head"].as_u64().expect("bytes");
    assert_eq!(body, "hello from the origin\n".len() as u64);
    assert_eq!((&row["cache"], &row["scan"]), (&Value::Null, &Value::Null));
    let connection = row["connection"].to_string();
    let shown = rows(&privet, &["--queries", "--filter", "secret"], 1);
    assert_eq!(shown[0]["url"], origin.url("/bytes/20?token=secret"));
    rows(
        &privet,
        &["--filter", &format!("connection:{connection}")],
        1,
    );
    rows(&privet, &["--filter", "status>=400"], 0);
    let bad = privet.cli(&["requests", "--filter", "stat:1"]);
    assert!(bad.err.contains("method, host, url, status"), "{}", bad.err);
}

#[test]
fn a_failed_request_says_why() {
    let privet = Privet::start("");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let closing = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        read_head(&mut stream);
    });
    let mut stream = connect(privet.proxy());
    write!(stream, "GET http://{address}/x HTTP/1.1\r\nHost: x\r\n\r\n").expect("open");
    assert!(read_head(&mut stream).starts_with("HTTP/1.1 502"));
    closing.join().expect("the origin");
    let row = &rows(&privet, &[], 1)[0];
    assert_eq!(row["status"], Value::Null);
    assert!(
        row["error"]
            .as_str()
            .expect("a reason")
            .contains("without an answer"),
        "{row}"
    );
}

#[test]
fn nothing_is_kept_where_requests_or_history_are_off() {
    let origin = Origin::http();
    for (text, why) in [
        ("[log]\nrequests = \"none\"\n", "log_requests"),
        ("[log]\nconnections = \"none\"\n", "log_connections"),
        ("[modes.standard]\nhistory = false\n", "mode_history"),
    ] {
        let privet = Privet::start(text);
        get(&privet, &origin, &["/bytes/10"]);
        // A row is written before its connection ends.
        privet.await_api("status", |status| status["totals"]["active"] == 0);
        let page = privet.json(&["requests"]);
        assert_eq!(page["total"], 0, "{text}");
        assert_eq!(page["recording"], false, "{text}");
        assert_eq!(page["not_recorded"], why, "{text}");
    }
}

#[test]
fn switching_to_a_mode_without_history_drops_the_rows() {
    let origin = Origin::http();
    let privet = Privet::start("[modes.private]\nroute = \"direct\"\nhistory = false\n");
    get(&privet, &origin, &["/bytes/10"]);
    rows(&privet, &[], 1);
    privet.cli(&["mode", "private"]).good();
    rows(&privet, &[], 0);
    privet.cli(&["mode", "standard"]).good();
    get(&privet, &origin, &["/bytes/20"]);
    rows(&privet, &[], 1);
}

#[test]
fn wiping_the_history_drops_the_rows() {
    let origin = Origin::http();
    let privet = Privet::start("");
    get(&privet, &origin, &["/bytes/10"]);
    rows(&privet, &[], 1);
    privet.cli(&["usage", "wipe", "--all"]).good();
    assert_eq!(privet.json(&["requests"])["total"], 0);
}

#[test]
fn events_bring_a_window_of_the_requests_whenever_it_changes() {
    let origin = Origin::http();
    let privet = Privet::start("");
    let mut events = Events::watch(
        &privet,
        "topics=requests&filter=url:/bytes/&sort=-down&limit=1",
    );
    assert_eq!(events.page()["total"], 0);
    get(
        &privet,
        &origin,
        &["/bytes/30?a=secret", "/missing", "/bytes/10"],
    );
    let page = loop {
        let page = events.page();
        if page["total"] == 2 {
            break page;
        }
    };
    let shown = page["rows"].as_array().expect("rows");
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0]["url"], format!("{}?…", origin.url("/bytes/30")));
    let (status, _) = privet.api("GET", "events?topics=requests,connections", None);
    assert_eq!(status, 400);
}

#[test]
fn a_mode_without_history_leaves_no_rows_and_no_usage() {
    let origin = Origin::http();
    let echo = Origin::echo();
    let privet = Privet::start(
        "[log]\nconnections = \"7d\"\n[filter]\ndeny = [\"denied.test\"]\n\
         [modes.private]\nroute = \"direct\"\nhistory = false\n",
    );
    let usage = || {
        let rows = privet.api("GET", "usage", None).1["rows"].clone();
        let rows = rows.as_array().expect("rows");
        let told = rows
            .iter()
            .map(|row| format!("{} {}", row["key"], row["connections"]));
        told.collect::<Vec<_>>()
    };
    let hosts = |state: &str| -> Vec<String> {
        let rows = privet.rows(state);
        let hosts = rows.iter().map(|row| row["host"].to_string());
        hosts.collect()
    };
    privet.cli(&["mode", "private"]).good();
    get(&privet, &origin, &["/bytes/10"]);
    assert!(socks5(privet.proxy(), "denied.test", 80).is_err());
    let tunnel = socks5(privet.proxy(), "localhost", echo.port()).expect("a tunnel");
    // An open connection is shown.
    privet.await_row("active", |row| row["host"] == "localhost");
    privet.cli(&["mode", "standard"]).good();
    // Opened without history, it leaves nothing where it ends with history.
    drop(tunnel);
    privet.await_api("status", |status| status["totals"]["active"] == 0);
    assert_eq!(hosts("closed"), [""; 0]);
    assert_eq!(hosts("blocked"), [""; 0]);
    assert_eq!(usage(), [""; 0]);
    get(&privet, &origin, &["/bytes/10"]);
    assert!(socks5(privet.proxy(), "denied.test", 80).is_err());
    privet.await_row("closed", |row| row["host"] == "127.0.0.1");
    privet.await_row("blocked", |row| row["host"] == "denied.test");
    assert_eq!((hosts("closed").len(), hosts("blocked").len()), (1, 1));
    // What was recorded before stays; more is not added.
    let before = usage();
    assert_eq!(before, ["\"127.0.0.1\" 1", "\"denied.test\" 1"]);
    privet.cli(&["mode", "private"]).good();
    get(&privet, &origin, &["/bytes/20"]);
    privet.await_api("status", |status| status["totals"]["active"] == 0);
    assert_eq!((hosts("closed").len(), usage()), (1, before));
}
