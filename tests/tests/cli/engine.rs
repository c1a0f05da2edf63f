//! Commands that ask a running engine.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use privet_tests::client::socks5;
use privet_tests::privet::{Sandbox, Setup, binary};
use privet_tests::{Origin, Privet, TIMEOUT};
use serde_json::Value;

#[test]
fn without_an_engine_commands_exit_with_3_and_say_how_to_start_one() {
    let sandbox = Sandbox::new();
    for args in [
        &["status"][..],
        &["mode"],
        &["mode", "off"],
        &["connections"],
        &["connections", "--watch"],
        &["close", "1"],
        &["why", "example.com"],
        &["upstreams"],
        &["lists"],
        &["usage"],
        &["usage", "--json", "wipe", "--all"],
        &["identity"],
        &["env"],
        &["run", "--", "true"],
    ] {
        let answer = sandbox.cli(args);
        assert_eq!(answer.code, 3, "{args:?} {answer:?}");
        assert!(answer.err.contains("privet serve"), "{answer:?}");
        assert!(answer.out.is_empty(), "{answer:?}");
    }
}

#[test]
fn why_answers_by_its_exit_code_with_an_engine_and_without() {
    let config = "[filter]\ndeny = [\"bad.example\"]\n";
    let running = Privet::start(config);
    assert_eq!(running.cli(&["why", "good.example"]).code, 0);
    let blocked = running.cli(&["why", "https://www.bad.example/x"]);
    assert_eq!(blocked.code, 4);
    assert!(
        blocked.out.contains("blocked") && blocked.out.contains("filter.deny"),
        "{}",
        blocked.out
    );
    assert_eq!(running.cli(&["why", "a b"]).code, 2);
    for (url, code) in [
        ("http://u:p@good.example/", 0),
        ("HTTP://u:p@www.BAD.example:8080/x#y", 4),
        ("https://u:p@good.example/", 0),
        ("ftp://u:p@bad.example/f", 4),
        ("ws://u@bad.example/", 4),
        ("http://u:p@q@good.example/", 2),
        ("gopher://good.example/", 2),
    ] {
        let answer = running.cli(&["why", url]);
        assert_eq!(answer.code, code, "{url}");
        assert!(!answer.out.contains("u:p"), "{answer:?}");
    }
    let report = running.json(&["why", "bad.example"]);
    assert_eq!(report["outcome"]["action"], "block");
    assert!(
        report["steps"]
            .as_array()
            .is_some_and(|steps| !steps.is_empty())
    );

    let sandbox = Sandbox::new();
    sandbox.write(config);
    let file = sandbox.config().display().to_string();
    let offline = |target| sandbox.cli(&["why", target, "--config", &file]);
    assert_eq!(offline("bad.example").code, 4);
    assert_eq!(offline("good.example").code, 0);
    assert_eq!(
        running.cli(&["why", "bad.example"]).out,
        offline("bad.example").out
    );
}

#[test]
fn lists_are_shown_and_refreshed_and_a_failed_refresh_is_reported() {
    let sandbox = Sandbox::new();
    let list = sandbox.dir().join("ads.txt");
    std::fs::write(&list, "0.0.0.0 ads.example\n0.0.0.0 track.example\n")
        .expect("the folder takes a file");
    sandbox
        .write("[[filter.list]]\nname = \"local ads\"\nsource = \"ads.txt\"\nformat = \"hosts\"\n");
    let running = sandbox.run(&Setup::default());
    running.await_line("Ctrl-C");
    let report: Value =
        serde_json::from_str(&sandbox.cli(&["lists", "--json"]).good()).expect("JSON");
    assert_eq!(report["lists"][0]["entries"], 2);
    assert_eq!(sandbox.cli(&["why", "ads.example"]).code, 4);
    std::fs::write(&list, "0.0.0.0 ads.example\n").expect("the folder takes a file");
    assert_eq!(sandbox.cli(&["lists", "refresh", "local ads"]).code, 0);
    assert_eq!(sandbox.cli(&["why", "track.example"]).code, 0);
    assert_eq!(sandbox.cli(&["lists", "refresh", "nothing"]).code, 1);
    std::fs::remove_file(&list).expect("the list was there");
    assert_eq!(sandbox.cli(&["lists", "refresh", "local ads"]).code, 1);
    assert_eq!(
        sandbox.cli(&["why", "ads.example"]).code,
        4,
        "the last good list stays"
    );
}

#[test]
fn connections_are_shown_watched_and_closed() {
    let privet = Privet::start("");
    let origin = Origin::echo();
    let mut command = Command::new(binary());
    command.args(["connections", "--watch", "--json", "--data-dir"]);
    command.arg(privet.sandbox.dir().join("data"));
    let mut watching = command
        .stdout(Stdio::piped())
        .spawn()
        .expect("privet starts");
    let mut report = watching.stdout.take().expect("a pipe");

    let mut stream = socks5(privet.proxy(), "127.0.0.1", origin.port()).expect("a way");
    stream.write_all(b"hello").expect("the tunnel takes bytes");
    let row = privet.await_row("active", |row| row["port"] == origin.port());
    read_until(&mut report, &format!("\"port\":{}", origin.port()));
    watching
        .kill()
        .and_then(|()| watching.wait())
        .expect("the watcher ends");

    let table = privet.cli(&["connections"]).good();
    assert!(
        table.contains(&format!("127.0.0.1:{}", origin.port())),
        "{table}"
    );
    assert!(!table.contains('\u{1b}'), "no colour where nobody looks");
    let groups = privet.cli(&["connections", "--group", "route"]).good();
    assert!(groups.contains("direct"), "{groups}");
    assert_eq!(privet.cli(&["close", "999999"]).code, 4);
    assert_eq!(
        privet
            .cli(&["close", "--filter", "host:nowhere.example"])
            .code,
        4
    );
    assert_eq!(privet.cli(&["close", "--filter", "nosuch:x"]).code, 2);
    assert_eq!(privet.cli(&["close", &row["id"].to_string()]).code, 0);
    let mut rest = Vec::new();
    stream
        .set_read_timeout(Some(TIMEOUT))
        .expect("a socket takes a timeout");
    let _ = stream.read_to_end(&mut rest);
    privet.await_row("closed", |row| row["end"] == "closed");
}

fn read_until(from: &mut impl Read, what: &str) {
    let (mut all, mut part) = (String::new(), [0; 4096]);
    while !all.contains(what) {
        let n = from.read(&mut part).expect("the watcher speaks");
        assert_ne!(n, 0, "the watcher ended; its output: {all}");
        all.push_str(&String::from_utf8_lossy(&part[..n]));
    }
}

#[test]
fn a_temporary_mode_ends_by_itself_and_an_unknown_mode_exits_with_2() {
    let privet = Privet::start("");
    assert_eq!(privet.cli(&["mode", "strict", "--for", "1s"]).code, 0);
    assert_eq!(privet.json(&["mode"])["then"], "standard");
    privet.await_api("status", |status| status["mode"]["name"] == "standard");
    let wrong = privet.cli(&["mode", "strickt"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("strict"), "{wrong:?}");
}

/// An engine that answers reads with the version "v1" and refuses changes. Returns the heads of the changes.
fn stub_engine(socket: &std::path::Path, changes: usize) -> std::thread::JoinHandle<Vec<String>> {
    let listener = std::os::unix::net::UnixListener::bind(socket).expect("a socket");
    std::thread::spawn(move || {
        let mut heads = Vec::new();
        while heads.len() < changes {
            let (mut stream, _) = listener.accept().expect("a client");
            let (mut request, mut part) = (String::new(), [0; 4096]);
            while !request.contains("\r\n\r\n") {
                let n = stream.read(&mut part).expect("a request");
                request.push_str(&String::from_utf8_lossy(&part[..n]));
            }
            let (status, body) = if request.starts_with("GET") {
                let body = match request.contains("/rules") {
                    true => "{\"rules\":[]}",
                    false => "{\"lists\":[]}",
                };
                ("200 OK\r\nETag: \"v1\"", body.to_owned())
            } else {
                heads.push(request.to_lowercase());
                let problem = serde_json::json!({
                    "type": "urn:privet:problem:version", "title": "Precondition Failed",
                    "status": 412, "detail": "Another client changed this.",
                });
                ("412 Precondition Failed", problem.to_string())
            };
            let answer = format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            stream
                .write_all(answer.as_bytes())
                .expect("the client reads");
        }
        heads
    })
}

#[test]
fn adding_a_rule_and_acting_on_a_list_name_the_version_that_was_read() {
    let place = Sandbox::new();
    std::fs::create_dir(place.dir().join("data")).expect("a folder");
    let engine = stub_engine(&place.socket(), 2);
    for args in [
        &["rules", "add", "--use", "block", "--suffix", "a.test"][..],
        &["lists", "accept", "ads"],
    ] {
        let refused = place.cli(args);
        assert_eq!(refused.code, 1, "{refused:?}");
        assert!(refused.err.contains("Another client"), "{refused:?}");
    }
    for head in engine.join().expect("it ran") {
        assert!(head.contains("if-match: \"v1\"\r\n"), "{head}");
    }
}
