//! The cache is seen and steered: rows, API, command line.

use privet_tests::backend::reply;
use privet_tests::wait::until;
use privet_tests::{Backend, Privet};
use serde_json::Value;

use crate::support::*;

#[test]
fn rows_say_what_the_cache_did() {
    let origin = numbered("Cache-Control: max-age=600\r\n");
    let privet = Privet::start(ON);
    let mut client = client(&privet);
    client.get(&origin.url());
    client.get(&origin.url());
    client.with("GET", &origin.url(), "If-Match: \"x\"\r\n");
    let mut rows = Vec::new();
    until("three rows", || {
        rows = privet.json(&["requests", "--sort", "started"])["rows"]
            .as_array()
            .expect("rows")
            .clone();
        rows.len() == 3
    });
    let of = |at: usize| (rows[at]["cache"].clone(), rows[at]["route"].clone());
    assert_eq!(of(0), (Value::from("miss"), Value::from("direct")));
    assert_eq!(of(1), (Value::from("hit"), Value::from("cache")));
    assert_eq!(of(2), (Value::from("bypass"), Value::from("direct")));
    assert!(
        rows[2]["cache_why"]
            .as_str()
            .is_some_and(|why| why.contains("condition")),
        "{}",
        rows[2]
    );
    assert_eq!(
        privet.json(&["requests", "--filter", "cache:hit"])["total"],
        1
    );
    // The answers from the cache have a row of their own among the connections.
    let row = privet.await_row("active", |row| row["route"] == "cache");
    assert_eq!(row["verdict"], "cached");
}

#[test]
fn entries_are_listed_explained_and_purged() {
    let origin = numbered(
        "Cache-Control: max-age=600\r\nCache-Tag: news, sport\r\nContent-Type: text/plain; charset=x\r\n",
    );
    let privet = Privet::start(ON);
    let mut client = client(&privet);
    let url = |path: &str| format!("{}{path}", origin.url());
    for path in ["/a?token=1", "/a", "/b/c"] {
        client.get(&url(path));
    }
    let state = privet.json(&["cache", "ls"]);
    assert_eq!(state["total"], 3);
    assert_eq!(state["entries"][0]["type"], "text/plain");
    assert_eq!(state["entries"][0]["fresh"], true);
    let urls = state["entries"].as_array().expect("entries").iter();
    assert_eq!(urls.filter(|entry| entry["url"] == url("/a?…")).count(), 1);
    assert_eq!(state["forward"]["entries"], 3);
    assert_eq!(state["sites"], Value::Null);
    let shown = privet.cli(&["cache", "show", &url("/a")]).good();
    assert!(shown.contains("Cache-Tag: news, sport"), "{shown}");
    let why = privet.cli(&["cache", "explain", &url("/a")]).good();
    assert!(why.contains("answers at once"), "{why}");
    let stats = privet.cli(&["cache", "stats"]).good();
    assert!(stats.contains("proxy"), "{stats}");
    // A soft purge keeps the entry, which has to be confirmed.
    let soft = privet.json(&["cache", "purge", "--url", &url("/a"), "--soft"]);
    assert_eq!(soft["count"], 1);
    let why = privet.cli(&["cache", "explain", &url("/a")]).good();
    assert!(why.contains("asked first"), "{why}");
    assert_eq!(client.get(&url("/a")).body, "answer 3");
    for (what, count) in [
        (vec!["--prefix", &url("/b")], 1),
        (vec!["--tag", "sport"], 2),
        (vec!["--all"], 0),
    ] {
        let args = [&["cache", "purge"], &what[..]].concat();
        assert_eq!(privet.json(&args)["count"], count, "{what:?}");
    }
    let (status, answer) = privet.api("DELETE", "cache?prefix=x&host=y", None);
    assert_eq!(status, 400, "{answer}");
    let (status, answer) = privet.api("DELETE", "cache?prefix=", None);
    assert_eq!((status, &answer["count"]), (200, &Value::from(0)));
}

#[test]
fn a_smaller_memory_takes_effect_at_a_reload() {
    let origin = numbered("Cache-Control: max-age=600\r\n");
    let privet = Privet::start(ON);
    let mut client = client(&privet);
    for at in 0..50 {
        client.get(&format!("{}/{at}", origin.url()));
    }
    assert_eq!(privet.json(&["cache", "ls"])["total"], 50);
    privet.sandbox.write("[cache]\nmemory = \"8KiB\"\n");
    privet.signal(rustix::process::Signal::HUP);
    let small = privet.await_api("cache", |cache| cache["forward"]["memory_limit"] == 8192);
    assert!(
        small["total"].as_u64().is_some_and(|left| left < 50),
        "{small}"
    );
    privet.sandbox.write("");
    privet.signal(rustix::process::Signal::HUP);
    privet.await_api("cache", |cache| cache["forward"].is_null());
    let answer = client.get(&format!("{}/0", origin.url()));
    assert_eq!(answer.field("cache-status"), None);
}

#[test]
fn a_soft_purge_can_be_undone_and_what_is_pinned_says_so() {
    let origin = numbered("Cache-Control: max-age=600\r\n");
    let privet = Privet::start(ON);
    let mut client = client(&privet);
    let url = |path: &str| format!("{}{path}", origin.url());
    for path in ["/a", "/b", "/c"] {
        client.get(&url(path));
    }
    // What was invalid before is not made valid by an undo.
    client.with("POST", &url("/c"), "Content-Length: 0\r\n");
    let purged = privet.json(&["cache", "purge", "--all", "--soft"]);
    assert_eq!(
        (&purged["count"], &purged["durable"]),
        (&3.into(), &true.into())
    );
    let number = purged["undo"].as_u64().expect("a number");
    let invalid = |state: &Value| -> usize {
        let entries = state["entries"].as_array().expect("entries").iter();
        entries.filter(|entry| entry["invalidated"] == true).count()
    };
    assert_eq!(invalid(&privet.json(&["cache", "ls"])), 3);
    assert_eq!(client.get(&url("/b")).body, "answer 4");
    let undone = privet.json(&["cache", "undo", &number.to_string()]);
    assert_eq!(
        undone["count"], 1,
        "/b was asked for anew, /c was invalid before"
    );
    assert_eq!(client.get(&url("/a")).body, "answer 0");
    assert_eq!(client.get(&url("/c")).body, "answer 5");
    assert_eq!(
        privet.json(&["cache", "undo", &number.to_string()])["count"],
        0
    );
    assert_eq!(privet.json(&["cache", "pin", &url("/a")])["count"], 1);
    let state = privet.json(&["cache", "ls", "/a"]);
    assert_eq!(state["entries"][0]["pinned"], true);
    assert_eq!(privet.json(&["cache", "unpin", &url("/a")])["count"], 1);
    // A full purge leaves nothing to undo.
    assert_eq!(
        privet.json(&["cache", "purge", "--all"])["undo"],
        Value::Null
    );
}

#[test]
fn savings_are_told_by_day_site_and_program_and_last() {
    let origin = Backend::answering(|stream, _, _| {
        reply(
            stream,
            "200 OK",
            "Cache-Control: max-age=600\r\n",
            &[b'x'; 10_000],
        )
    });
    // The origin's own time is what a hit saves.
    origin.set_delay(std::time::Duration::from_millis(60));
    let config = format!("{ON}[log]\nconnections = \"30d\"\n");
    let mut privet = Privet::start(&config);
    let mut client = client(&privet);
    for _ in 0..4 {
        client.get(&origin.url());
    }
    drop(client);
    let seen = |state: &Value| state["saved"]["total"]["requests"] == 4;
    let state = privet.await_api("cache", seen);
    let check = |saved: &Value| {
        let total = &saved["total"];
        assert_eq!(total["hits"], 3, "{saved}");
        assert!(
            total["bytes"].as_u64().is_some_and(|bytes| bytes >= 30_000),
            "{saved}"
        );
        let time = total["time_ms"].as_f64().expect("a number");
        assert!((150.0..60_000.0).contains(&time), "{saved}");
        let days = saved["days"].as_array().expect("days");
        let hits: u64 = days.iter().filter_map(|day| day["hits"].as_u64()).sum();
        assert_eq!(hits, 3, "{saved}");
        let hours = saved["hours"].as_array().expect("hours");
        let asked: u64 = hours
            .iter()
            .filter_map(|hour| hour["requests"].as_u64())
            .sum();
        assert_eq!(asked, 4, "{saved}");
        let site = &saved["by_site"][0];
        assert_eq!(
            (&site["name"], &site["hits"]),
            (&"127.0.0.1".into(), &3.into())
        );
        assert_eq!(saved["by_program"][0]["hits"], 3, "{saved}");
    };
    check(&state["saved"]);
    privet.restart();
    let state = privet.await_api("cache", seen);
    check(&state["saved"]);
    let stats = privet.cli(&["cache", "stats"]).good();
    assert!(
        stats.contains("Of 4 requests in 30 days 3 were answered"),
        "{stats}"
    );
    let (status, _) = privet.api("GET", "cache?days=367", None);
    assert_eq!(status, 400);
}
