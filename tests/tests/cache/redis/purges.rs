//! What was purged on a machine does not come back to it from the store, and is not new to others either.

use privet_tests::require;

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
