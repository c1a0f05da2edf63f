//! Access to the control API: the token, Host and Origin, methods, errors, events.

use std::io::{Read, Write};
use std::net::TcpStream;

use privet_tests::client::read_head;
use privet_tests::{Privet, curl};

const OPEN: &str = "[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\n[control]\nhttp = \"$CONTROL\"\n";

fn token(privet: &Privet) -> String {
    std::fs::read_to_string(privet.sandbox.dir().join("data/control.token"))
        .expect("a token")
        .trim()
        .to_owned()
}

#[test]
fn tcp_requires_the_token_a_known_host_and_no_foreign_origin() {
    let privet = Privet::start(OPEN);
    let url = format!("http://{}/api/v1/status", privet.sandbox.control);
    let bearer = format!("Authorization: Bearer {}", token(&privet));
    let status = |args: &[&str]| {
        let all = [&["-o", "/dev/null", "-w", "%{http_code}"], args, &[&url]].concat();
        curl(&all).good()
    };
    assert_eq!(status(&["-H", &bearer]), "200");
    assert_eq!(status(&[]), "401");
    assert_eq!(status(&["-H", "Authorization: Bearer wrong"]), "401");
    assert_eq!(status(&["-H", &bearer, "-H", "Host: evil.test"]), "403");
    assert_eq!(
        status(&["-H", &bearer, "-H", "Origin: http://evil.test"]),
        "403"
    );
    let body = curl(&["-H", "Host: evil.test", &url]).good();
    assert!(
        !body.contains("privet") && body.len() < 200,
        "it tells nothing: {body}"
    );
    let headers = curl(&[
        "-D",
        "-",
        "-o",
        "/dev/null",
        "-H",
        &bearer,
        "-H",
        "Origin: http://evil.test",
        &url,
    ])
    .good();
    assert!(
        !headers.to_lowercase().contains("access-control"),
        "{headers}"
    );
}

#[test]
fn the_token_and_socket_are_private_to_their_owner() {
    use std::os::unix::fs::PermissionsExt;
    let privet = Privet::start(OPEN);
    for name in ["control.token", "control.sock"] {
        let file = privet.sandbox.dir().join("data").join(name);
        let mode = std::fs::metadata(&file)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
}

#[test]
fn changes_require_the_right_method_and_a_json_content_type() {
    let privet = Privet::start(OPEN);
    let url = format!("http://{}/api/v1/mode", privet.sandbox.control);
    let bearer = format!("Authorization: Bearer {}", token(&privet));
    let form = curl(&[
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        "-X",
        "PUT",
        "-H",
        &bearer,
        "-d",
        "{\"mode\":\"strict\"}",
        &url,
    ])
    .good();
    assert_eq!(form, "415");
    assert_eq!(
        privet.api("GET", "status", None).1["mode"]["name"],
        "standard"
    );
    let (status, _) = privet.api(
        "PUT",
        "mode",
        Some(&serde_json::json!({"mode": "strict", "for": "1m"})),
    );
    assert_eq!(status, 200);
    let state = privet.api("GET", "status", None).1;
    assert_eq!(state["mode"]["name"], "strict");
    assert_eq!(state["mode"]["then"], "standard");
}

#[test]
fn a_pause_ends_at_the_announced_millisecond() {
    let privet = Privet::start("");
    let now = || {
        let since = std::time::SystemTime::UNIX_EPOCH
            .elapsed()
            .expect("a clock");
        u64::try_from(since.as_millis()).expect("small")
    };
    let pause = serde_json::json!({"mode": "strict", "for": "1s"});
    let requested = now();
    let (status, mode) = privet.api("PUT", "mode", Some(&pause));
    assert_eq!(status, 200);
    let until = mode["until_ms"].as_u64().expect("a time");
    assert!((requested + 1000..=now() + 1000).contains(&until), "{mode}");
    privet.await_log("the pause is over");
    assert_eq!(
        privet.api("GET", "status", None).1["mode"]["name"],
        "standard"
    );
}

#[test]
fn errors_are_problem_details() {
    let privet = Privet::start("");
    let (status, problem) = privet.api(
        "PUT",
        "mode",
        Some(&serde_json::json!({"mode": "nonsense"})),
    );
    assert_eq!(status, 422);
    assert!(
        problem["title"].is_string() && problem["status"] == 422,
        "{problem}"
    );
    assert_eq!(privet.api("GET", "nothing-here", None).0, 404);
}

#[test]
fn a_configuration_that_names_files_which_cannot_be_read_is_unprocessable() {
    let privet = Privet::start("");
    let tls = serde_json::json!({"cert": "/missing.pem", "key": "/missing.key"});
    let backend = serde_json::json!([{"url": "http://127.0.0.1:1"}]);
    let site = serde_json::json!({
        "name": "a", "listen": ["127.0.0.1:0"], "hosts": ["a.test"], "tls": tls, "backend": backend
    });
    for change in [
        serde_json::json!({"listen": {"https": ["127.0.0.1:0"], "tls": tls}}),
        serde_json::json!({"site": [site]}),
    ] {
        let (status, problem) = privet.api("PATCH", "config", Some(&change));
        assert_eq!(status, 422, "{problem}");
        let detail = problem["detail"].as_str().expect("what is wrong");
        assert!(detail.contains("/missing.pem"), "{detail}");
    }
}

#[test]
fn events_are_streamed_as_connections_open() {
    use std::io::{BufRead, BufReader};
    let privet = Privet::start("");
    let mut socket = std::os::unix::net::UnixStream::connect(privet.sandbox.socket())
        .expect("the socket answers");
    socket
        .set_read_timeout(Some(privet_tests::TIMEOUT))
        .expect("a socket takes a timeout");
    socket
        .write_all(
            b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n",
        )
        .expect("open");
    let mut lines = BufReader::new(socket).lines().map_while(Result::ok);
    assert!(lines.next().is_some_and(|line| line.contains("200")));
    let event = lines
        .find(|line| line.starts_with("event:"))
        .expect("an event");
    assert!(event.contains("status"), "{event}");
}

#[test]
fn a_new_token_is_not_printed_without_a_terminal_and_an_empty_file_is_made_anew() {
    let mut privet = Privet::start(OPEN);
    let first = token(&privet);
    assert!(!privet.log().contains(&first), "{}", privet.log());
    assert_eq!(privet.cli(&["token", "show"]).good().trim(), first);
    let file = privet.sandbox.dir().join("data/control.token");
    privet.restart_after(|| std::fs::write(&file, "").expect("written"));
    let second = token(&privet);
    assert!(second.len() == 64 && second != first);
    let made = privet.cli(&["token", "new"]).good();
    assert_eq!(made.trim(), token(&privet));
    assert_ne!(made.trim(), second);
}

/// Sends `head` and no body yet; returns the head of the answer and the connection.
fn answer_before_the_body(privet: &Privet, head: &str) -> (String, TcpStream) {
    let mut stream = TcpStream::connect(privet.sandbox.control).expect("the API listens");
    stream
        .set_read_timeout(Some(privet_tests::TIMEOUT))
        .expect("a socket takes a timeout");
    stream.write_all(head.as_bytes()).expect("the head is sent");
    let answer = read_answer(&mut stream);
    (answer, stream)
}

/// Reads one answer; its head in lower case.
fn read_answer(stream: &mut TcpStream) -> String {
    let head = read_head(stream).to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length = length.map_or(0, |length| length.parse().expect("a length"));
    let mut body = vec![0; length];
    stream.read_exact(&mut body).expect("the whole body");
    head
}

/// Calls that are refused by what their head says: method and path, further fields, status.
const REFUSED_EARLY: &[(&str, &str, &str)] = &[
    ("PUT /api/v1/mode", "If-Match: nonsense\r\n", "400"),
    ("PUT /api/v1/mode", "If-Match: \"1\"\r\n", "412"),
    ("PUT /api/v1/secrets/x", "If-Match: nonsense\r\n", "400"),
    ("PUT /api/v1/mode", "", "415"),
    ("PATCH /api/v1/config", "If-Match: nonsense\r\n", "400"),
    ("POST /api/v1/nothing-here", "", "404"),
    ("POST /api/v1/status", "", "405"),
    ("POST /api/v1/leaktest", "", "501"),
    ("PUT /api/v1/mode", "Authorization: Bearer x\r\n", "401"),
    ("PUT /api/v1/mode", "Origin: http://evil.test\r\n", "403"),
];

#[test]
fn a_call_refused_by_its_head_leaves_a_connection_that_works() {
    let privet = Privet::start(OPEN);
    let common = format!(
        "Host: {}\r\nAuthorization: Bearer {}\r\n",
        privet.sandbox.control,
        token(&privet)
    );
    for (call, fields, status) in REFUSED_EARLY {
        let head = format!("{call} HTTP/1.1\r\n{common}{fields}Content-Length: 300000\r\n\r\n");
        let mut stream = TcpStream::connect(privet.sandbox.control).expect("the API listens");
        stream
            .set_read_timeout(Some(privet_tests::TIMEOUT))
            .expect("a socket takes a timeout");
        let next = format!("GET /api/v1/status HTTP/1.1\r\n{common}\r\n");
        let sent = [head.as_bytes(), &vec![b'x'; 300_000], next.as_bytes()].concat();
        stream.write_all(&sent).expect("it is read");
        let answer = read_answer(&mut stream);
        assert!(
            answer.starts_with(&format!("http/1.1 {status} ")),
            "{call} {fields}: {answer}"
        );
        assert!(!answer.contains("connection: close"), "{call}: {answer}");
        let next = read_answer(&mut stream);
        assert!(next.starts_with("http/1.1 200 "), "{call}: {next}");
    }
}

#[test]
fn a_body_that_is_not_read_closes_the_connection_and_the_answer_says_so() {
    let privet = Privet::start(OPEN);
    let common = format!(
        "Host: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n",
        privet.sandbox.control,
        token(&privet)
    );
    for (fields, status) in [
        ("If-Match: x\r\nContent-Length: 100000000\r\n", "400"),
        (
            "If-Match: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n",
            "400",
        ),
        // The body never comes.
        ("If-Match: x\r\nContent-Length: 9\r\n", "400"),
        ("Content-Length: 1048577\r\n", "413"),
        (
            "Expect: 100-continue\r\nContent-Length: 99999999999\r\n",
            "413",
        ),
    ] {
        let head = format!("PUT /api/v1/mode HTTP/1.1\r\n{common}{fields}\r\n");
        let (answer, mut stream) = answer_before_the_body(&privet, &head);
        assert!(
            answer.starts_with(&format!("http/1.1 {status} ")),
            "{fields}: {answer}"
        );
        assert!(answer.contains("connection: close"), "{fields}: {answer}");
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).expect("it closes");
        assert!(rest.is_empty(), "{fields}");
    }
}
