//! What was purged on a machine does not come back to it from the store, and is not new to others either.

use std::sync::atomic::{AtomicUsize, Ordering};

use privet_tests::backend::reply;
use privet_tests::{Backend, require};

use super::*;

const TAGGED: &str = "Cache-Control: max-age=600\r\nCache-Tag: news\r\n";

#[test]
fn what_was_purged_is_asked_for_again_by_all_machines() {
    let redis = require!(RedisServer::start());
    let origin = numbered(TAGGED);
    let url = format!("{}/x", origin.url());
    let prefix = format!("{}/", origin.url());
    let first = machine(&redis);
    let ways: [&[&str]; 6] = [
        &["--url", &url],
        &["--prefix", &prefix],
        &["--host", "127.0.0.1"],
        &["--tag", "news"],
        &["--all"],
        &["--all", "--soft"],
    ];
    for (round, way) in ways.iter().enumerate() {
        let answer = client(&first).get(&url);
        assert_eq!(
            answer.body,
            format!("answer {}", round * 2),
            "before {way:?}"
        );
        await_written(&first, 1 + round as u64);
        first.cli(&[&["cache", "purge"], *way].concat()).good();
        await_redis(&first, |redis| redis["pending_purges"] == 0);
        // A machine that has never seen it.
        let other = machine(&redis);
        let answer = client(&other).get(&url);
        assert_eq!(
            answer.body,
            format!("answer {}", round * 2 + 1),
            "after {way:?}"
        );
        await_written(&other, 1);
        // What that has stored is new, and serves the first one too.
        let answer = client(&first).get(&url);
        assert_eq!(
            answer.body,
            format!("answer {}", round * 2 + 1),
            "after {way:?}"
        );
        assert!(used(&answer).starts_with("hit"), "{}", answer.head);
        first.cli(&["cache", "purge", "--all"]).good();
    }
}

#[test]
fn an_unsafe_request_makes_the_others_ask_too() {
    let redis = require!(RedisServer::start());
    let origin = numbered("Cache-Control: max-age=600\r\n");
    let url = format!("{}/x", origin.url());
    let first = machine(&redis);
    assert_eq!(client(&first).get(&url).body, "answer 0");
    await_written(&first, 1);
    let post = client(&first).with("POST", &url, "Content-Length: 0\r\n");
    assert_eq!(post.body, "answer 1");
    await_redis(&first, |redis| redis["pending_purges"] == 0);
    assert_eq!(client(&first).get(&url).body, "answer 2");
    await_written(&first, 2);
    assert_eq!(client(&machine(&redis)).get(&url).body, "answer 2");
}

#[test]
fn a_purge_while_the_server_is_away_holds_when_it_is_back() {
    const LIMIT: Duration = Duration::from_secs(2);
    let redis = require!(RedisServer::start());
    let origin = numbered("Cache-Control: max-age=600\r\n");
    let urls = ["/x", "/y"].map(|path| format!("{}{path}", origin.url()));
    let privet = connected(&format!("{SHARED}{}", keys(&redis, LIMIT)));
    assert_eq!(client(&privet).get(&urls[0]).body, "answer 0");
    assert_eq!(client(&privet).get(&urls[1]).body, "answer 1");
    await_written(&privet, 2);
    redis.stop();
    privet.cli(&["cache", "purge", "--url", &urls[0]]).good();
    // It is gone at once, although the server has it.
    assert_eq!(client(&privet).get(&urls[0]).body, "answer 2");
    let state = await_redis(&privet, |redis| redis["connected"] == false);
    assert_eq!(state["pending_purges"], 1, "{state}");
    redis.go_on();
    await_redis(&privet, |redis| {
        redis["connected"] == true && redis["pending_purges"] == 0
    });
    let other = machine(&redis);
    assert_eq!(client(&other).get(&urls[0]).body, "answer 3");
    assert_eq!(client(&other).get(&urls[1]).body, "answer 1");
}

#[test]
fn a_server_that_lost_its_memory_brings_nothing_back() {
    let redis = require!(RedisServer::start());
    let origin = numbered("Cache-Control: max-age=600\r\n");
    let url = format!("{}/x", origin.url());
    let privet = machine(&redis);
    assert_eq!(client(&privet).get(&url).body, "answer 0");
    await_written(&privet, 1);
    let entry = &redis.entries()[0];
    redis.cli(&["COPY", entry, "backup"]);
    privet.cli(&["cache", "purge", "--url", &url]).good();
    await_redis(&privet, |redis| redis["pending_purges"] == 0);
    // As after a restart from an old copy: the entry is there, and the purge is not.
    for name in redis.cli(&["KEYS", "privet:1:purged:*"]).lines() {
        redis.cli(&["DEL", name]);
    }
    redis.cli(&["COPY", "backup", entry, "REPLACE"]);
    assert_eq!(client(&privet).get(&url).body, "answer 1");
    assert_eq!(await_redis(&privet, |_| true)["refused"], 1);
    // It is told of the purge again, so that others do not use it either.
    redis.cli(&["COPY", "backup", entry, "REPLACE"]);
    await_redis(&privet, |redis| redis["pending_purges"] == 0);
    assert_eq!(client(&machine(&redis)).get(&url).body, "answer 2");
}

#[test]
fn a_purge_that_the_server_does_not_know_outlives_a_change_of_settings() {
    const LIMIT: Duration = Duration::from_secs(2);
    let redis = require!(RedisServer::start());
    let origin = numbered("Cache-Control: max-age=600\r\n");
    let privet = connected(&format!("{SHARED}{}", keys(&redis, LIMIT)));
    assert_eq!(client(&privet).get(&origin.url()).body, "answer 0");
    await_written(&privet, 1);
    redis.stop();
    privet
        .cli(&["cache", "purge", "--url", &format!("{}/", origin.url())])
        .good();
    let changed = format!("{SHARED}{}", keys(&redis, PATIENT));
    privet.sandbox.write(&changed);
    // What counts is the new store.
    let state = await_redis(&privet, |redis| redis["written"] == 0);
    assert_eq!(state["pending_purges"], 1, "{state}");
    redis.go_on();
    await_redis(&privet, |redis| {
        redis["connected"] == true && redis["pending_purges"] == 0
    });
    assert_eq!(client(&privet).get(&origin.url()).body, "answer 1");
}

/// An origin whose answers have the tags that their path names, and a number.
fn tagged() -> Backend {
    let count = AtomicUsize::new(0);
    Backend::answering(move |stream, head, _| {
        let path = head.split(' ').nth(1).unwrap_or_default();
        let tags = path.trim_start_matches('/').replace('+', ", ");
        let fields = format!("Cache-Control: max-age=600\r\nCache-Tag: {tags}\r\n");
        let number = count.fetch_add(1, Ordering::SeqCst);
        reply(
            stream,
            "200 OK",
            &fields,
            format!("answer {number}").as_bytes(),
        )
    })
}

/// What a machine that has stored nothing itself is answered for each path.
fn seen_by_another(redis: &RedisServer, origin: &Backend, paths: &[&str]) -> Vec<String> {
    let other = machine(redis);
    let answer = |path: &&str| client(&other).get(&format!("{}/{path}", origin.url()));
    paths.iter().map(|path| answer(path).body).collect()
}

#[test]
fn a_purged_tag_leaves_what_does_not_have_it() {
    let redis = require!(RedisServer::start());
    let origin = tagged();
    let paths = ["news", "sport", "news+sport", "weather"];
    let first = machine(&redis);
    for path in paths {
        client(&first).get(&format!("{}/{path}", origin.url()));
    }
    await_written(&first, 4);
    first.cli(&["cache", "purge", "--tag", "news"]).good();
    await_redis(&first, |redis| redis["pending_purges"] == 0);
    let seen = seen_by_another(&redis, &origin, &paths);
    assert_eq!(seen, ["answer 4", "answer 1", "answer 5", "answer 3"]);
    // What was stored since is not purged, neither for the machine that has purged it.
    assert_eq!(
        client(&first).get(&format!("{}/news", origin.url())).body,
        "answer 4"
    );
    // A tag that nothing has purges nothing.
    first.cli(&["cache", "purge", "--tag", "none"]).good();
    await_redis(&first, |redis| redis["pending_purges"] == 0);
    let seen = seen_by_another(&redis, &origin, &paths);
    assert_eq!(seen, ["answer 4", "answer 1", "answer 5", "answer 3"]);
}

#[test]
fn tags_that_two_machines_purge_at_the_same_time_are_both_purged() {
    let redis = require!(RedisServer::start());
    let origin = tagged();
    let paths = ["news", "sport", "weather"];
    let machines = [machine(&redis), machine(&redis)];
    for path in paths {
        client(&machines[0]).get(&format!("{}/{path}", origin.url()));
    }
    await_written(&machines[0], 3);
    std::thread::scope(|purges| {
        for (machine, tag) in machines.iter().zip(["news", "sport"]) {
            purges.spawn(move || {
                machine.cli(&["cache", "purge", "--tag", tag]).good();
                machine.cli(&["cache", "purge", "--tag", "both"]).good();
            });
        }
    });
    for machine in &machines {
        await_redis(machine, |redis| redis["pending_purges"] == 0);
    }
    let seen = seen_by_another(&redis, &origin, &paths);
    assert_eq!(seen, ["answer 3", "answer 4", "answer 2"]);
}

#[test]
fn a_tag_that_is_purged_while_the_server_is_away_or_forgets_it_stays_purged() {
    const LIMIT: Duration = Duration::from_secs(2);
    let redis = require!(RedisServer::start());
    let origin = tagged();
    let paths = ["news", "sport"];
    let privet = connected(&format!("{SHARED}{}", keys(&redis, LIMIT)));
    for path in paths {
        client(&privet).get(&format!("{}/{path}", origin.url()));
    }
    await_written(&privet, 2);
    let entries = redis.entries();
    for (number, entry) in entries.iter().enumerate() {
        redis.cli(&["COPY", entry, &format!("backup{number}")]);
    }
    redis.stop();
    privet.cli(&["cache", "purge", "--tag", "news"]).good();
    redis.go_on();
    await_redis(&privet, |redis| {
        redis["connected"] == true && redis["pending_purges"] == 0
    });
    assert_eq!(
        seen_by_another(&redis, &origin, &paths),
        ["answer 2", "answer 1"]
    );
    // As after a restart from an old copy: the entries are there, and the purge is not.
    for name in redis.cli(&["KEYS", "privet:1:purged:*"]).lines() {
        redis.cli(&["DEL", name]);
    }
    for (number, entry) in entries.iter().enumerate() {
        redis.cli(&["COPY", &format!("backup{number}"), entry, "REPLACE"]);
    }
    assert_eq!(
        client(&privet).get(&format!("{}/news", origin.url())).body,
        "answer 3"
    );
    await_redis(&privet, |redis| redis["pending_purges"] == 0);
    assert_eq!(
        seen_by_another(&redis, &origin, &["sport"]),
        ["answer 1"],
        "it was told again, and of this tag alone"
    );
}
