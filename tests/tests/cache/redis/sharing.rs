//! What machines share, and what they do not.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use privet_tests::backend::reply;
use privet_tests::peers::RedisServer;
use privet_tests::wait::until;
use privet_tests::{Backend, Privet, SiteClient, reserve};

use privet_tests::require;

use super::*;

fn site(listen: SocketAddr, backend: &Backend) -> String {
    format!(
        "[[site]]\nname = \"app\"\nlisten = [\"{listen}\"]\nhosts = [\"app.test\"]\ncache = true\n\
         [[site.backend]]\nurl = \"{}\"\n",
        backend.url()
    )
}

/// A machine with a site, whose forward cache has these keys.
fn site_machine(redis: &RedisServer, cache: &str, backend: &Backend) -> (Privet, SocketAddr) {
    let listen = reserve();
    let site = site(listen, backend);
    (
        connected(&format!("{cache}{}{site}", keys(redis, PATIENT))),
        listen,
    )
}

#[test]
fn a_machine_answers_with_what_another_one_has_stored() {
    let redis = require!(RedisServer::start());
    let origin = numbered("Cache-Control: max-age=600\r\nX-Mark: kept\r\n");
    let url = format!("{}/x?y", origin.url());
    let first = machine(&redis);
    assert!(used(&client(&first).get(&url)).starts_with("fwd=uri-miss; stored"));
    await_written(&first, 1);
    // The other one is reached by the server's socket.
    let keys = format!(
        "[cache.redis]\naddress = \"unix:{}\"\npassword = {{ file = \"redis.password\" }}\ntimeout = \"10s\"\n",
        redis.socket.display()
    );
    let metrics = "[control]\nmetrics = \"$METRICS\"\n";
    let second = connected(&format!("{SHARED}{keys}{metrics}"));
    let mut asks = client(&second);
    let answer = asks.get(&url);
    assert_eq!(answer.body, "answer 0", "{}", answer.head);
    assert_eq!(answer.field("x-mark"), Some("kept"));
    let status = used(&answer);
    assert!(status.starts_with("hit; ttl="), "{status}");
    assert!(
        status.ends_with("; detail=\"from another machine\""),
        "{status}"
    );
    // From now on it has it itself.
    assert!(!used(&asks.get(&url)).contains("detail"));
    assert_eq!(origin.requests(), 1);

    let state = second.json(&["cache", "stats"]);
    assert_eq!(
        (&state["redis"]["hits"], &state["redis"]["failures"]),
        (&1.into(), &0.into())
    );
    assert_eq!(
        (&state["forward"]["hits"], &state["forward"]["missed"]),
        (&2.into(), &0.into())
    );
    let text = second.cli(&["cache", "stats"]).good();
    assert!(text.contains("in use. 1 hits, 0 misses"), "{text}");
    let metrics = format!("http://{}/metrics", second.sandbox.metrics);
    let metrics = privet_tests::curl(&["-s", &metrics]).good();
    assert!(metrics.contains("privet_cache_redis_up 1.0\n"), "{metrics}");
    assert!(metrics.contains("privet_cache_redis_requests_total{result=\"hit\"} 1\n"));
}

#[test]
fn sites_share_their_entries_and_keep_those_of_single_clients() {
    let redis = require!(RedisServer::start());
    let backend = Backend::answering(|stream, head, _| {
        let fields = match head.split(' ').nth(1) {
            Some("/cookie") => "Cache-Control: max-age=600\r\nSet-Cookie: a=b\r\n",
            _ => "Cache-Control: public, max-age=600\r\n",
        };
        reply(stream, "200 OK", fields, b"body")
    });
    // The forward side has a cache of its own, which is private.
    let private = "[cache]\nmemory = \"32MiB\"\n";
    let (first, listen) = site_machine(&redis, private, &backend);
    let mut client_of_site = SiteClient::connect(listen, "app.test");
    for (path, fields) in [("/cookie", ""), ("/login", "Authorization: Basic eDp5\r\n")] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: app.test\r\n{fields}\r\n");
        for _ in 0..2 {
            assert_eq!(client_of_site.request(&request).body, "body");
        }
        assert!(used(&client_of_site.request(&request)).starts_with("hit"));
    }
    let origin = numbered("Cache-Control: max-age=600\r\n");
    for _ in 0..2 {
        assert_eq!(client(&first).get(&origin.url()).body, "answer 0");
    }
    // What comes last is written last.
    assert_eq!(client_of_site.get("/").body, "body");
    await_written(&first, 1);
    assert_eq!(redis.entries().len(), 1, "{:?}", redis.cli(&["KEYS", "*"]));

    let before = backend.requests();
    let (_second, listen) = site_machine(&redis, private, &backend);
    let answer = SiteClient::connect(listen, "app.test").get("/");
    assert!(used(&answer).starts_with("hit; ttl="), "{}", answer.head);
    assert_eq!(backend.requests(), before);
}

#[test]
fn each_variant_is_shared_for_itself() {
    let redis = require!(RedisServer::start());
    let origin = Backend::answering(|stream, head, _| {
        let language = head.to_ascii_lowercase();
        let body = if language.contains("accept-language: de") {
            "hallo"
        } else {
            "bonjour"
        };
        let fields = "Cache-Control: max-age=600\r\nVary: Accept-Language\r\n";
        reply(stream, "200 OK", fields, body.as_bytes())
    });
    let (first, second) = (machine(&redis), machine(&redis));
    let get = |privet: &Privet, language: &str| {
        let fields = format!("Accept-Language: {language}\r\n");
        client(privet).with("GET", &origin.url(), &fields)
    };
    assert_eq!(get(&first, "de").body, "hallo");
    assert_eq!(get(&first, "fr").body, "bonjour");
    await_written(&first, 2);
    for (language, body) in [("de", "hallo"), ("fr", "bonjour")] {
        let answer = get(&second, language);
        assert_eq!(answer.body, body);
        assert!(used(&answer).starts_with("hit"), "{}", answer.head);
    }
    assert_eq!(origin.requests(), 2);
}

#[test]
fn a_confirmed_response_is_shared_again() {
    let redis = require!(RedisServer::start());
    let origin = Backend::answering(|stream, head, _| {
        let fields = "Cache-Control: max-age=600\r\nETag: \"v\"\r\n";
        match head.to_ascii_lowercase().contains("\r\nif-none-match") {
            true => reply(stream, "304 Not Modified", fields, b""),
            false => reply(stream, "200 OK", fields, b"body"),
        }
    });
    let first = machine(&redis);
    let mut asks = client(&first);
    assert_eq!(asks.get(&origin.url()).body, "body");
    await_written(&first, 1);
    redis.cli(&["FLUSHALL"]);
    let confirmed = asks.with("GET", &origin.url(), "Cache-Control: no-cache\r\n");
    assert!(
        used(&confirmed).contains("fwd-status=304"),
        "{}",
        confirmed.head
    );
    await_written(&first, 2);
    let answer = client(&machine(&redis)).get(&origin.url());
    assert_eq!((&*answer.body, origin.requests()), ("body", 2));
}

#[test]
fn values_are_encrypted_under_the_secret_of_all_machines() {
    let redis = require!(RedisServer::start());
    let origin = numbered("Cache-Control: max-age=600\r\nX-Mark: in-the-clear\r\n");
    let with = |secret: &str| {
        let keys = keys(&redis, PATIENT);
        connected(&format!(
            "{SHARED}{keys}secret = \"{}\"\n",
            secret.repeat(32)
        ))
    };
    let first = with("a1");
    assert_eq!(client(&first).get(&origin.url()).body, "answer 0");
    await_written(&first, 1);
    let value = redis.cli(&["GET", &redis.entries()[0]]);
    for text in ["in-the-clear", "answer 0", "127.0.0.1"] {
        assert!(!value.contains(text), "{text}");
    }
    assert_eq!(client(&with("a1")).get(&origin.url()).body, "answer 0");
    // Without the secret, values are no answer.
    let stranger = with("b2");
    assert_eq!(client(&stranger).get(&origin.url()).body, "answer 1");
    assert_eq!(await_redis(&stranger, |_| true)["refused"], 1);
}

#[test]
fn a_kill_switch_does_not_keep_a_machine_from_the_store() {
    let redis = require!(RedisServer::start());
    let origin = numbered("Cache-Control: max-age=600\r\n");
    let first = machine(&redis);
    // The mode changes what is sent, which nothing here varies by.
    assert_eq!(client(&first).get(&origin.url()).body, "answer 0");
    await_written(&first, 1);
    let dead = reserve();
    let strict = format!(
        "mode = \"strict\"\n{SHARED}{}[[upstream]]\nname = \"dead\"\nurl = \"socks5://{dead}\"\n",
        keys(&redis, PATIENT)
    );
    let strict = connected(&strict);
    let mut asks = client(&strict);
    assert!(asks.get(&format!("{}/other", origin.url())).status >= 502);
    let answer = client(&strict).get(&origin.url());
    assert_eq!(answer.body, "answer 0", "{}", answer.head);
    assert_eq!(origin.requests(), 1);
}

#[test]
fn a_mode_without_history_leaves_nothing_on_the_server() {
    let redis = require!(RedisServer::start());
    let origin = numbered("Cache-Control: max-age=600\r\n");
    let config = format!(
        "mode = \"quiet\"\n{SHARED}{}[modes.quiet]\nhistory = false\n",
        keys(&redis, PATIENT)
    );
    let privet = connected(&config);
    for _ in 0..2 {
        assert_eq!(client(&privet).get(&origin.url()).body, "answer 0");
    }
    let post = client(&privet).with("POST", &origin.url(), "Content-Length: 0\r\n");
    assert_eq!(post.body, "answer 1");
    privet.cli(&["mode", "standard"]).good();
    let url = format!("{}/shown", origin.url());
    assert_eq!(client(&privet).get(&url).body, "answer 2");
    // What comes last is written last.
    await_written(&privet, 1);
    assert_eq!(redis.cli(&["KEYS", "*"]).lines().count(), 1);
    assert_eq!(redis.entries().len(), 1);
}

#[test]
fn a_refresh_in_the_background_is_written_and_used_by_others() {
    let redis = require!(RedisServer::start());
    let count = AtomicUsize::new(0);
    let origin = Backend::answering(move |stream, _, _| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        let fields = match number {
            0 => "Cache-Control: max-age=2, stale-while-revalidate=600\r\n",
            _ => "Cache-Control: max-age=600\r\n",
        };
        reply(
            stream,
            "200 OK",
            fields,
            format!("answer {number}").as_bytes(),
        )
    });
    let url = origin.url();
    let (first, second) = (machine(&redis), machine(&redis));
    assert_eq!(client(&first).get(&url).body, "answer 0");
    await_written(&first, 1);
    assert_eq!(client(&second).get(&url).body, "answer 0");
    let refreshed = |privet: &Privet| {
        let mut asks = client(privet);
        until("the refreshed response", || {
            asks.get(&url).body == "answer 1"
        });
    };
    refreshed(&first);
    await_written(&first, 2);
    // The second machine finds it there and does not ask the origin.
    refreshed(&second);
    assert_eq!(origin.requests(), 2);
    assert_eq!(await_redis(&second, |_| true)["hits"], 2);
    let figures = second.json(&["cache", "stats"]);
    let forward = &figures["forward"];
    assert!(forward["refreshed"].as_u64() >= Some(1), "{forward}");
    assert_eq!(
        (&forward["missed"], &forward["validated"]),
        (&0.into(), &0.into())
    );
}
