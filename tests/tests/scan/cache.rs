//! Scanning beside the cache.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

use privet_tests::backend::reply;
use privet_tests::peers::write;
use privet_tests::{Backend, Privet};

use crate::support::*;

const CACHE: &str = "[cache]\nenabled = true\nmemory = \"64MiB\"\ndisk = \"0\"\n";
const FRESH: &str = "Content-Type: text/plain\r\nCache-Control: max-age=600\r\nETag: \"v1\"\r\n";

#[test]
fn nothing_bad_is_stored_and_what_is_clean_is_judged_once() {
    let origin = origin(|target| match target {
        "/bad" => Some((FRESH, bad(200))),
        "/late" => Some((FRESH, bad(3 << 20))),
        _ => Some((FRESH, clean(100_000))),
    });
    let scanning = Scanning::start(CACHE);
    let url = |path: &str| format!("{}{path}", origin.url());
    for _ in 0..2 {
        assert_stopped(&scanning.curl(&url("/bad"), &[]), "TestPayload");
        let late = scanning.curl(&url("/late"), &["-o", "/dev/null"]);
        assert!(late.code != 0, "{late:?}");
    }
    assert_eq!(scanning.row("/late")["scan"], "bad");
    assert_eq!(scanning.privet.json(&["cache", "ls"])["total"], 0);
    assert_eq!(origin.requests(), 4);
    for _ in 0..3 {
        let clean = scanning.curl(&url("/clean"), &[]).good();
        assert!(clean.ends_with("\n200 100000"));
    }
    assert_eq!(origin.requests(), 5);
    let (_, state) = scanning.privet.api("GET", "scan", None);
    assert_eq!(state["clean"], 1, "{state}");
    // A part is sent of what was judged whole.
    let part = scanning.curl(&url("/clean"), &["-r", "7-13"]).good();
    assert_eq!(part, "1111111\n206 7");
    assert_eq!(origin.requests(), 5);
}

#[test]
fn a_stored_answer_is_judged_anew_when_the_rules_change() {
    let origin = origin(|_| Some((FRESH, b"something that a later rule names".to_vec())));
    let scanning = Scanning::start(CACHE);
    let url = format!("{}/a", origin.url());
    assert!(scanning.curl(&url, &[]).good().ends_with("\n200 33"));
    let rule = "rule LaterRule { strings: $a = \"later rule\" condition: $a }";
    write(scanning.folder.path(), "later.yar", rule);
    scanning.privet.signal(rustix::process::Signal::HUP);
    scanning.privet.await_log("reloaded");
    // A part would come from what was not judged by these rules.
    assert_stopped(&scanning.curl(&url, &["-r", "0-3"]), "LaterRule");
    assert_eq!(origin.requests(), 1);
    assert_eq!(scanning.privet.json(&["cache", "ls"])["total"], 0);
}

#[test]
fn a_verdict_outlives_a_restart_and_not_the_rules_that_gave_it() {
    const ON_DISK: &str = "[cache]\nenabled = true\nmemory = \"64MiB\"\ndisk = \"64MiB\"\n";
    let origin = origin(|target| match target {
        "/named" => Some((FRESH, b"something that a later rule names".to_vec())),
        _ => Some((FRESH, clean(500_000))),
    });
    let mut scanning = Scanning::start(ON_DISK);
    let url = |path: &str| format!("{}{path}", origin.url());
    let clean_verdicts =
        |scanning: &Scanning| scanning.privet.api("GET", "scan", None).1["clean"].clone();
    let hits = |scanning: &Scanning| {
        assert!(
            scanning
                .curl(&url("/large"), &[])
                .good()
                .ends_with("\n200 500000")
        );
        assert!(
            scanning
                .curl(&url("/named"), &[])
                .good()
                .ends_with("\n200 33")
        );
    };
    hits(&scanning);
    assert_eq!(clean_verdicts(&scanning), 2);
    scanning.privet.restart();
    hits(&scanning);
    assert_eq!(clean_verdicts(&scanning), 0, "what is stored was judged");
    // Rules that let both pass: each is judged once more, and that is kept too.
    write(
        scanning.folder.path(),
        "more.yar",
        "rule More { strings: $a = \"not there\" condition: $a }",
    );
    scanning.privet.restart();
    hits(&scanning);
    assert_eq!(clean_verdicts(&scanning), 2);
    scanning.privet.restart();
    hits(&scanning);
    assert_eq!(clean_verdicts(&scanning), 0);
    let rule = "rule LaterRule { strings: $a = \"later rule\" condition: $a }";
    write(scanning.folder.path(), "later.yar", rule);
    scanning.privet.restart();
    assert_stopped(&scanning.curl(&url("/named"), &[]), "LaterRule");
    assert_eq!(origin.requests(), 2);
}

#[test]
fn one_risk_is_taken_once_by_who_was_stopped_and_not_stored() {
    let origin = origin(|_| Some((FRESH, bad(500))));
    let scanning = Scanning::start(CACHE);
    let url = format!("{}/risk", origin.url());
    assert_stopped(&scanning.curl(&url, &[]), "TestPayload");
    let hash = scanning.row("/risk")["scan_sha256"]
        .as_str()
        .expect("a hash")
        .to_owned();
    let none = serde_json::json!({ "sha256": "0".repeat(64) });
    assert_eq!(
        scanning.privet.api("POST", "scan/allow", Some(&none)).0,
        404
    );
    let other = serde_json::json!({ "sha256": hash, "client": "192.0.2.1" });
    assert_eq!(
        scanning.privet.api("POST", "scan/allow", Some(&other)).0,
        404
    );
    let allowed = scanning.privet.json(&["scan", "allow", &hash]);
    assert_eq!(allowed["client"], "127.0.0.1");
    assert!(scanning.curl(&url, &[]).good().ends_with("\n200 500"));
    assert_eq!(scanning.row("/risk")["scan"], "bad passed");
    assert_stopped(&scanning.curl(&url, &[]), "TestPayload");
    assert_eq!(scanning.privet.json(&["cache", "ls"])["total"], 0);
    assert_eq!(origin.requests(), 3);
}

#[test]
fn a_stale_answer_in_place_of_a_failure_is_whole() {
    const STALE: &str = "Cache-Control: max-age=0, stale-if-error=600\r\nETag: \"v1\"\r\n";
    let count = AtomicUsize::new(0);
    let origin =
        Backend::answering(
            move |stream, _, _| match count.fetch_add(1, Ordering::SeqCst) {
                0 => reply(stream, "200 OK", STALE, &clean(70_000)),
                _ => reply(stream, "503 Service Unavailable", "", &clean(300)),
            },
        );
    let scanning = Scanning::start(CACHE);
    for _ in 0..3 {
        let got = scanning
            .curl(&format!("{}/stale", origin.url()), &[])
            .good();
        assert!(got.ends_with("\n200 70000"), "{}", &got[got.len() - 40..]);
        assert!(got.as_bytes().starts_with(&clean(70_000)));
    }
    assert!(origin.requests() > 1);
}

/// A proxy that does not scan; later it does.
fn without_scanning() -> Scanning {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write(folder.path(), "test.yar", RULE);
    let privet = Privet::start(CACHE);
    Scanning { privet, folder }
}

fn turn_scanning_on(scanning: &Scanning) {
    let rules = scanning.folder.path().join("*.yar");
    let scan = format!(
        "[scan]\nenabled = true\nrules = [\"{}\"]\n",
        rules.display()
    );
    scanning.privet.sandbox.write(&format!("{CACHE}{scan}"));
    scanning.privet.signal(rustix::process::Signal::HUP);
    let on = |state: &serde_json::Value| state["enabled"] == true;
    scanning.privet.await_api("scan", on);
}

#[test]
fn what_was_stored_unscanned_and_cannot_be_judged_is_stopped() {
    let origin = origin(|_| {
        let fields = "Content-Encoding: unknown\r\nCache-Control: max-age=600\r\n";
        Some((fields, clean(5000)))
    });
    let scanning = without_scanning();
    let url = format!("{}/packed", origin.url());
    assert!(scanning.curl(&url, &[]).good().ends_with("\n200 5000"));
    turn_scanning_on(&scanning);
    let stopped = scanning.curl(&url, &[]);
    assert!(stopped.out.contains("\n403 "), "{stopped:?}");
    assert_eq!(origin.requests(), 1);
    assert_eq!(scanning.row("/packed")["scan"], "error");
    assert_eq!(scanning.privet.json(&["cache", "ls"])["total"], 0);
}

#[test]
fn who_joins_a_download_that_is_not_scanned_gets_a_verdict_of_its_own() {
    let (go_on, goes_on) = std::sync::mpsc::channel::<()>();
    let goes_on = std::sync::Mutex::new(goes_on);
    let origin = Backend::answering(move |stream, _, _| {
        let body = bad(5000);
        let head = format!(
            "HTTP/1.1 200 OK\r\n{FRESH}Content-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(&body[..100])?;
        let goes_on = goes_on.lock().expect("one request at a time");
        goes_on.recv().expect("the test goes on");
        stream.write_all(&body[100..])
    });
    let scanning = without_scanning();
    let url = format!("{}/joined", origin.url());
    std::thread::scope(|clients| {
        let first = clients.spawn(|| scanning.curl(&url, &[]));
        privet_tests::wait::until("the first download", || {
            scanning.privet.json(&["cache", "ls"])["total"] == 1
        });
        turn_scanning_on(&scanning);
        let second = clients.spawn(|| scanning.curl(&url, &[]));
        scanning
            .privet
            .await_row("active", |row| row["route"] == "cache");
        go_on.send(()).expect("the origin waits");
        let first = first.join().expect("the first client").good();
        assert!(first.ends_with("\n200 5000"));
        let second = second.join().expect("the second client");
        assert_stopped(&second, "TestPayload");
    });
    assert_eq!(origin.requests(), 1);
}

#[test]
fn who_joins_a_download_that_is_stopped_gets_the_page_too() {
    let (go_on, goes_on) = std::sync::mpsc::channel::<()>();
    let goes_on = std::sync::Mutex::new(goes_on);
    let origin = Backend::answering(move |stream, head, _| {
        let body = bad(5000);
        let head_of =
            |length: usize| format!("HTTP/1.1 200 OK\r\n{FRESH}Content-Length: {length}\r\n\r\n");
        stream.write_all(head_of(body.len()).as_bytes())?;
        stream.write_all(&body[..100])?;
        if head.contains("X-Leads") {
            let goes_on = goes_on.lock().expect("one request at a time");
            goes_on.recv().expect("the test goes on");
        }
        stream.write_all(&body[100..])
    });
    let scanning = Scanning::start(CACHE);
    let url = format!("{}/joined", origin.url());
    std::thread::scope(|clients| {
        let first = clients.spawn(|| scanning.curl(&url, &["-H", "X-Leads: 1"]));
        privet_tests::wait::until("the first download", || {
            scanning.privet.json(&["cache", "ls"])["total"] == 1
        });
        let others: Vec<_> = (0..3)
            .map(|_| clients.spawn(|| scanning.curl(&url, &[])))
            .collect();
        // It wants no request of its own where that one is stopped.
        let stored =
            clients.spawn(|| scanning.curl(&url, &["-H", "Cache-Control: only-if-cached"]));
        // They read what the first one's request gets.
        scanning
            .privet
            .await_api("cache", |cache| cache["forward"]["hits"] == 4);
        go_on.send(()).expect("the origin waits");
        let stored = stored.join().expect("a client");
        assert!(stored.out.contains("\n504 "), "{stored:?}");
        for client in others.into_iter().chain([first]) {
            assert_stopped(&client.join().expect("a client"), "TestPayload");
        }
    });
    let rows = scanning.privet.json(&["requests", "--filter", "scan:bad"]);
    assert_eq!(rows["total"], 4);
    assert_eq!(origin.requests(), 4);
}
