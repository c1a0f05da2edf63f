//! The server is away, hung or lies: requests are answered as if there were none.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use privet_tests::require;

use super::*;

/// How long a request takes.
fn timed(privet: &Privet, url: &str) -> Duration {
    let mut asks = client(privet);
    let start = Instant::now();
    let answer = asks.get(url);
    assert_eq!(answer.status, 200, "{}", answer.head);
    start.elapsed()
}

#[test]
fn a_killed_server_costs_nothing_and_is_used_again_once_it_is_back() {
    let mut redis = require!(RedisServer::start());
    let origin = numbered("Cache-Control: max-age=600\r\n");
    let privet = machine(&redis);
    redis.kill();
    let away = await_redis(&privet, |redis| redis["connected"] == false);
    assert_eq!(away["failures"], 1);
    assert!(away["problem"].is_string(), "{away}");
    let away = await_redis(&privet, |redis| redis["retry_ms"].is_u64());
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    let left = away["retry_ms"]
        .as_u64()
        .expect("a number")
        .saturating_sub(now.as_millis() as u64);
    assert!(left <= 120_000, "{left} ms");
    for number in 0..20 {
        let took = timed(&privet, &format!("{}/{number}", origin.url()));
        // One that waited for the server would take as long as its time limit.
        assert!(took < PATIENT / 2, "{took:?}");
    }
    assert_eq!(origin.requests(), 20);
    let state = await_redis(&privet, |_| true);
    assert_eq!(state["skipped"], 20, "{state}");
    let text = privet.cli(&["cache", "stats"]).good();
    assert!(
        text.contains("left alone until ") || text.contains("left alone: "),
        "{text}"
    );

    redis.start_again();
    let back = await_redis(&privet, |redis| redis["connected"] == true);
    assert!(
        back["retry_ms"].is_null() && back["problem"].is_null(),
        "{back}"
    );
    let url = format!("{}/back", origin.url());
    timed(&privet, &url);
    await_written(&privet, 1);
    assert!(used(&client(&machine(&redis)).get(&url)).starts_with("hit"));
    assert_eq!(origin.requests(), 21);
}

#[test]
fn a_hung_server_costs_its_time_limit_once() {
    const LIMIT: Duration = Duration::from_secs(3);
    let redis = require!(RedisServer::start());
    let origin = numbered("Cache-Control: max-age=600\r\n");
    let privet = connected(&format!("{SHARED}{}", keys(&redis, LIMIT)));
    redis.stop();
    let first = timed(&privet, &format!("{}/first", origin.url()));
    assert!((LIMIT..LIMIT * 3).contains(&first), "{first:?}");
    let away = await_redis(&privet, |redis| redis["connected"] == false);
    assert_eq!(away["failures"], 1, "{away}");
    let start = Instant::now();
    for number in 0..20 {
        timed(&privet, &format!("{}/{number}", origin.url()));
    }
    // Not one of them has waited.
    assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
    assert_eq!(origin.requests(), 21);

    redis.go_on();
    await_redis(&privet, |redis| redis["connected"] == true);
    timed(&privet, &format!("{}/again", origin.url()));
    await_written(&privet, 1);
}

#[test]
fn requests_that_wait_for_a_hung_server_wait_together() {
    const LIMIT: Duration = Duration::from_secs(3);
    let redis = require!(RedisServer::start());
    let origin = numbered("Cache-Control: max-age=600\r\n");
    let privet = connected(&format!("{SHARED}{}", keys(&redis, LIMIT)));
    redis.stop();
    let start = Instant::now();
    // More than may ask at once, and several for one response.
    std::thread::scope(|scope| {
        for number in 0..60 {
            let (privet, url) = (&privet, format!("{}/{}", origin.url(), number % 40));
            scope.spawn(move || timed(privet, &url));
        }
    });
    assert!(start.elapsed() < LIMIT * 3, "{:?}", start.elapsed());
    assert_eq!(origin.requests(), 40);
    redis.go_on();
}

#[test]
fn a_damaged_value_is_asked_for_again() {
    let redis = require!(RedisServer::start());
    let origin = numbered("Cache-Control: max-age=600\r\n");
    let first = machine(&redis);
    let urls: Vec<String> = (0..4).map(|at| format!("{}/{at}", origin.url())).collect();
    for url in &urls {
        client(&first).get(url);
    }
    await_written(&first, 4);
    let entries = redis.entries();
    // A byte of the body, the beginning, everything, and far more than may be.
    let length = redis.cli(&["STRLEN", &entries[0]]);
    let last: u64 = length.parse::<u64>().expect("a number") - 5;
    redis.cli(&["SETRANGE", &entries[0], &last.to_string(), "X"]);
    redis.cli(&["SETRANGE", &entries[1], "0", "Q"]);
    redis.cli(&["SET", &entries[2], "nothing of ours", "EX", "60"]);
    redis.cli(&["SETRANGE", &entries[3], "3000000", "X"]);
    let second = machine(&redis);
    for url in &urls {
        let answer = client(&second).get(url);
        assert!(
            used(&answer).starts_with("fwd=uri-miss; stored"),
            "{}",
            answer.head
        );
    }
    assert_eq!(origin.requests(), 8);
    let state = await_redis(&second, |redis| redis["written"] == 4);
    assert_eq!(
        (&state["refused"], &state["failures"]),
        (&4.into(), &0.into())
    );
    // What it got took the place of the damaged ones.
    let third = machine(&redis);
    for url in &urls {
        assert!(used(&client(&third).get(url)).starts_with("hit"));
    }
}

#[test]
fn a_value_of_another_kind_or_name_is_no_answer() {
    let redis = require!(RedisServer::start());
    let origin = numbered("Cache-Control: max-age=600\r\n");
    let first = machine(&redis);
    client(&first).get(&origin.url());
    await_written(&first, 1);
    let entry = &redis.entries()[0];
    // MGET takes a list for nothing.
    redis.cli(&["DEL", entry]);
    redis.cli(&["RPUSH", entry, "a"]);
    assert_eq!(client(&machine(&redis)).get(&origin.url()).body, "answer 1");
    // A copy under another name, as who can write to the server could make of it.
    let url = format!("{}/victim", origin.url());
    client(&first).get(&url);
    await_written(&first, 2);
    let source = redis.entries().into_iter().find(|name| name != entry);
    let source = source.expect("two are kept");
    redis.cli(&["COPY", &source, entry, "REPLACE"]);
    let answer = client(&machine(&redis)).get(&origin.url());
    assert_eq!(answer.body, "answer 3", "{}", answer.head);
}
