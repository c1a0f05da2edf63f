//! A killed, refusing, silent or invalid upstream gives the client the right error, and groups fail over.

use privet_tests::require;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use privet_tests::client::{read_all, socks5};
use privet_tests::peers::Microsocks;
use privet_tests::{Origin, Privet, curl, reserve};

const HELLO: &str = "hello from the origin\n";

fn strict(url: &str) -> String {
    format!(
        "mode = \"own\"\n[modes.own]\nroute = \"up\"\nkill_switch = true\ndns = \"upstream\"\n\
         [[upstream]]\nname = \"up\"\nurl = \"{url}\"\n"
    )
}

fn http_status(privet: &Privet, url: &str) -> String {
    let proxy = format!("http://{}", privet.proxy());
    curl(&["-x", &proxy, "-o", "/dev/null", "-w", "%{http_code}", url]).out
}

#[test]
fn a_refusing_upstream_gives_502_and_is_never_bypassed() {
    let origin = Origin::http();
    let privet = Privet::start(&strict(&format!("socks5://{}", reserve())));
    let reply = socks5(privet.proxy(), "127.0.0.1", origin.port()).err();
    assert!(matches!(reply, Some(1..=5)), "{reply:?}");
    assert!(["502", "503"].contains(&http_status(&privet, &origin.url("/")).as_str()));
    assert_eq!(origin.accepted(), 0);
    let row = privet.await_row("closed", |row| row["verdict"] == "failed");
    assert!(
        row["error"]
            .as_str()
            .is_some_and(|text| text.contains("up")),
        "{row}"
    );
}

#[test]
fn a_killed_upstream_closes_its_tunnels_and_later_requests_fail() {
    let origin = Origin::echo();
    let mut micro = require!(Microsocks::start());
    let privet = Privet::start(&strict(&format!("socks5://{}", micro.address)));
    let mut tunnel =
        socks5(privet.proxy(), "127.0.0.1", origin.port()).expect("the upstream lives");
    tunnel.write_all(b"alive").expect("the tunnel carries");
    let mut bytes = [0; 5];
    tunnel.read_exact(&mut bytes).expect("the tunnel carries");
    micro.running.kill();
    assert_eq!(read_all(&mut tunnel), b"");
    assert!(socks5(privet.proxy(), "127.0.0.1", origin.port()).is_err());
    assert_eq!(origin.accepted(), 1);
}

#[test]
fn a_silent_upstream_times_out() {
    let silent = Origin::raw(|mut stream| {
        let _ = stream.read_to_end(&mut Vec::new());
    });
    std::thread::scope(|scope| {
        for scheme in ["socks5", "http"] {
            let silent = silent.address;
            scope.spawn(move || {
                let privet = Privet::start(&strict(&format!("{scheme}://{silent}")));
                // The client itself gives up after [`privet_tests::PATIENCE`].
                let reply = socks5(privet.proxy(), "127.0.0.1", 9).err();
                assert!(matches!(reply, Some(1..=8)), "{scheme}: {reply:?}");
            });
        }
    });
}

/// An upstream that answers the first bytes with `answer`, byte by byte, and then waits.
fn invalid_upstream(answer: &'static [u8]) -> Origin {
    Origin::raw(move |mut stream: TcpStream| {
        let _ = stream.read(&mut [0; 512]);
        for byte in answer {
            if stream.write_all(&[*byte]).is_err() {
                return;
            }
        }
        let _ = stream.set_read_timeout(Some(Duration::from_secs(20)));
        let _ = stream.read_to_end(&mut Vec::new());
    })
}

#[test]
fn invalid_upstream_replies_are_refused_and_never_forwarded() {
    let socks: &[&[u8]] = &[
        b"\x05\xff",
        b"\x05\x09",
        b"\x04\x00",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"\x05\x00\x05\x00\x00\x09\x00\x00",
        b"\x05\x00\x05\x63\x00\x01\0\0\0\0\0\0",
        b"\x05\x00\x06\x00\x00\x01\0\0\0\0\0\0",
    ];
    let http: &[&[u8]] = &[
        b"\x05\x00",
        b"HTTP/1.1 200\r\r\n\r\n",
        b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://evil.test/\r\nContent-Length: 4\r\n\r\nevil",
        b"HTTP/9.9 200 OK\r\n\r\n",
    ];
    for (scheme, replies) in [("socks5", socks), ("http", http)] {
        for reply_bytes in replies {
            let upstream = invalid_upstream(reply_bytes);
            let privet = Privet::start(&strict(&format!("{scheme}://{}", upstream.address)));
            let reply = socks5(privet.proxy(), "somewhere.test", 443).err();
            assert!(
                matches!(reply, Some(1..=8)),
                "{scheme} {:?}: {reply:?}",
                reply_bytes.escape_ascii().to_string()
            );
            let proxy = format!("http://{}", privet.proxy());
            let answer = curl(&[
                "-p",
                "-x",
                &proxy,
                "-w",
                "%{http_connect}",
                "http://somewhere.test/",
            ]);
            assert!(
                ["502", "503", "504", "403"].contains(&answer.out.as_str()),
                "{scheme} {}: {answer:?}",
                reply_bytes.escape_ascii()
            );
            assert!(!answer.err.contains("evil"), "{answer:?}");
        }
    }
}

fn group(policy: &str, members: [SocketAddr; 2]) -> String {
    format!(
        "mode = \"own\"\n[modes.own]\nroute = \"both\"\nkill_switch = true\ndns = \"upstream\"\n\
         [[upstream]]\nname = \"one\"\nurl = \"socks5://{}\"\n[[upstream]]\nname = \"two\"\nurl = \"socks5://{}\"\n\
         [[group]]\nname = \"both\"\npolicy = \"{policy}\"\nmembers = [\"one\", \"two\"]\n",
        members[0], members[1]
    )
}

#[test]
fn a_group_fails_over_within_one_request() {
    let origin = Origin::http();
    let mut one = require!(Microsocks::start());
    let two = require!(Microsocks::start());
    for policy in ["failover", "latency", "round-robin", "sticky"] {
        let privet = Privet::start(&group(policy, [one.address, two.address]));
        let proxy = format!("socks5h://{}", privet.proxy());
        assert_eq!(
            curl(&["-x", &proxy, &origin.url("/")]).good(),
            HELLO,
            "{policy}"
        );
        one.running.kill();
        for _ in 0..4 {
            assert_eq!(
                curl(&["-x", &proxy, &origin.url("/")]).good(),
                HELLO,
                "{policy}, after the kill"
            );
        }
        one = Microsocks::start_at(one.address, &[]).expect("it was installed a moment ago");
    }
}

#[test]
fn a_failover_group_prefers_its_first_member_and_returns_to_it() {
    let origin = Origin::http();
    let one = require!(Microsocks::start());
    let two = require!(Microsocks::start());
    let checked = format!(
        "{}check = {{ url = \"{}\", interval = \"1s\", timeout = \"1s\" }}\n",
        group("failover", [one.address, two.address]),
        origin.url("/check")
    );
    let privet = Privet::start(&checked);
    let fetch = || {
        let proxy = format!("socks5h://{}", privet.proxy());
        let path = format!("/{}", privet.rows("closed").len());
        curl(&["-x", &proxy, &origin.url(&path)]).good();
    };
    fetch();
    privet.await_row("closed", |row| row["route"] == "one");
    let at = one.address;
    drop(one);
    fetch();
    privet.await_row("closed", |row| {
        row["route"] == "two" && row["verdict"] == "routed"
    });
    privet.await_api("upstreams", |all| all["groups"][0]["current"] == "two");
    let _one = Microsocks::start_at(at, &[]).expect("it was installed a moment ago");
    privet.await_api("upstreams", |all| all["groups"][0]["current"] == "one");
}

#[test]
fn a_dead_group_falls_back_to_direct_only_where_that_is_written_and_reports_it() {
    let origin = Origin::http();
    let dead = group("failover", [reserve(), reserve()]);
    let strict = Privet::start(&dead);
    assert!(socks5(strict.proxy(), "127.0.0.1", origin.port()).is_err());
    assert_eq!(origin.accepted(), 0, "a kill switch has no way round");

    let open = |fallback: &str| {
        let keys = format!("kill_switch = false\ndns = \"system\"{fallback}");
        Privet::start(&dead.replace("kill_switch = true\ndns = \"upstream\"", &keys))
    };
    let named = open("");
    assert!(socks5(named.proxy(), "127.0.0.1", origin.port()).is_err());
    assert_eq!(origin.accepted(), 0, "no fallback was written");

    let mild = open("\nfallback = \"direct\"");
    assert!(socks5(mild.proxy(), "127.0.0.1", origin.port()).is_ok());
    let row = mild.await_row("closed", |row| row["port"] == origin.port());
    assert!(
        row["route"]
            .as_str()
            .is_some_and(|route| route.contains("direct")),
        "{row}"
    );
}

/// An upstream that is down, for the target "localhost", with `keys` on its rule and `before` as the rules before it.
fn dead_route(keys: &str, before: &str) -> String {
    format!(
        "mode = \"standard\"\n[[upstream]]\nname = \"up\"\nurl = \"socks5://{}\"\n{before}\
         [[rule]]\nmatch = {{ domain = [\"localhost\"], port = [1, \"2-65535\"] }}\nuse = \"up\"\n{keys}\n",
        reserve()
    )
}

#[test]
fn a_named_route_that_is_down_fails_unless_a_fallback_is_written() {
    let origin = Origin::http();
    let url = format!("http://localhost:{}/", origin.port());
    let privet = Privet::start(&dead_route("", ""));
    assert_eq!(http_status(&privet, &url), "502");
    assert!(socks5(privet.proxy(), "localhost", origin.port()).is_err());
    assert_eq!(origin.accepted(), 0);
    let privet = Privet::start(&dead_route("fallback = \"direct\"", ""));
    assert_eq!(http_status(&privet, &url), "200");
    privet.await_row("closed", |row| row["route"] == "direct (up is down)");
    let why = privet.json(&["why", &url]);
    assert_eq!(why["outcome"]["direct_fallback"], true, "{why}");
    privet.cli(&["mode", "strict"]).good();
    assert_eq!(
        http_status(&privet, &url),
        "502",
        "a kill switch forbids it"
    );
    assert_eq!(origin.accepted(), 1);
}

#[test]
fn a_mode_falls_back_only_where_it_says_so_and_never_with_a_kill_switch() {
    let origin = Origin::http();
    let mode = |keys: &str| {
        format!(
            "mode = \"own\"\n[modes.own]\nroute = \"up\"\n{keys}\n\
             [[upstream]]\nname = \"up\"\nurl = \"socks5://{}\"\n",
            reserve()
        )
    };
    for (keys, status) in [("", "502"), ("fallback = \"direct\"", "200")] {
        let privet = Privet::start(&mode(keys));
        assert_eq!(http_status(&privet, &origin.url("/")), status, "{keys}");
    }
    let place = privet_tests::privet::Place::new();
    place.write(&mode("fallback = \"direct\"\nkill_switch = true"));
    let checked = place.cli(&["--config", &place.config().display().to_string(), "check"]);
    assert_eq!(checked.code, 2, "{checked:?}");
}

#[test]
fn a_fallback_dials_only_addresses_that_the_rules_allow() {
    let origin = Origin::http();
    let block = "[[rule]]\nmatch = { ip = [\"127.0.0.0/8\"] }\nuse = \"block\"\n";
    let privet = Privet::start(&dead_route("fallback = \"direct\"", block));
    let url = format!("http://localhost:{}/", origin.port());
    assert_eq!(http_status(&privet, &url), "403");
    assert!(socks5(privet.proxy(), "localhost", origin.port()).is_err());
    assert_eq!(origin.accepted(), 0);
    privet.await_row("blocked", |row| {
        row["verdict"] == "blocked" && row["reason"].to_string().contains("rule 1")
    });
    let why = privet.json(&["why", &url]).to_string();
    assert!(
        why.contains("the name goes to an upstream unresolved"),
        "{why}"
    );
}
