//! Groups whose members fail.

use privet_tests::require;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use privet_tests::client::{read_head, socks5};
use privet_tests::namespace::Namespaces;
use privet_tests::peers::Microsocks;
use privet_tests::privet::Setup;
use privet_tests::{Origin, Privet, curl, reserve};

use super::support::*;

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

/// A SOCKS5 upstream that answers for every target itself, with "hello", and never answers for targets whose name begins with
/// "silent", where it is told so.
fn answering_upstream(has_silences: bool) -> Origin {
    Origin::raw(move |mut stream| {
        let _ = answer_as_upstream(&mut stream, has_silences);
    })
}

fn answer_as_upstream(stream: &mut TcpStream, has_silences: bool) -> std::io::Result<()> {
    let mut greeting = [0; 2];
    stream.read_exact(&mut greeting)?;
    stream.read_exact(&mut vec![0; usize::from(greeting[1])])?;
    stream.write_all(&[5, 0])?;
    let mut request = [0; 5];
    stream.read_exact(&mut request)?;
    let rest = match request[3] {
        3 => usize::from(request[4]),
        4 => 15,
        _ => 3,
    };
    let mut rest = vec![0; rest + 2];
    stream.read_exact(&mut rest)?;
    if has_silences && rest.starts_with(b"silent") {
        stream.read_to_end(&mut Vec::new())?;
        return Ok(());
    }
    stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
    let head = read_head(stream);
    let reply = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{HELLO}",
        HELLO.len()
    );
    match head.is_empty() {
        true => Ok(()),
        false => stream.write_all(reply.as_bytes()),
    }
}

#[test]
fn a_members_silence_about_single_targets_does_not_move_the_others_traffic() {
    let (one, two) = (answering_upstream(true), answering_upstream(false));
    let privet = Privet::start(&group("failover", [one.address, two.address]));
    let fetch = |host: &str| {
        let proxy = format!("socks5h://{}", privet.proxy());
        curl(&["-x", &proxy, &format!("http://{host}/")]).good()
    };
    // Two targets in a row, at the same time to save time.
    std::thread::scope(|scope| {
        for host in ["silent-one.test", "silent-two.test"] {
            let fetch = &fetch;
            scope.spawn(move || assert_eq!(fetch(host), HELLO, "{host}"));
        }
    });
    for host in ["silent-one.test", "silent-two.test"] {
        privet.await_row("closed", |row| row["host"] == host && row["route"] == "two");
    }
    assert_eq!(fetch("good.test"), HELLO);
    privet.await_row("closed", |row| {
        row["host"] == "good.test" && row["route"] == "one"
    });
    let (_, all) = privet.api("GET", "upstreams", None);
    assert_eq!(all["groups"][0]["current"], "one", "{all}");
}

#[test]
fn testing_a_group_fails_over_as_traffic_does() {
    let upstream = answering_upstream(false);
    let check = "check = { url = \"http://check.test/\", interval = \"1h\", timeout = \"5s\" }\n";
    let config = |members| format!("{}{check}", group("failover", members));
    let privet = Privet::start(&config([reserve(), upstream.address]));
    let answer = privet.cli(&["test", "both"]);
    assert_eq!(answer.code, 0, "{answer:?}");
    assert!(answer.out.contains("up: connect"), "{answer:?}");
    assert_eq!(privet.cli(&["test", "one"]).code, 1);
    assert_eq!(privet.cli(&["test", "two"]).code, 0);
    let dead = Privet::start(&config([reserve(), reserve()]));
    assert_eq!(dead.cli(&["test", "both"]).code, 1);
}

#[test]
fn a_machine_without_ipv6_fails_over_to_the_next_member() {
    let world = require!(Namespaces::new());
    let off = "for one in all default lo cable; do echo 1 > /proc/sys/net/ipv6/conf/$one/disable_ipv6; done";
    world.run(&["sh", "-c", off]).good();
    let setup = Setup {
        prefix: world.prefix(),
        ..Setup::default()
    };
    let upstream = Privet::start_as("", &setup);
    let server = world.start_inside(
        "server",
        &[
            "python3",
            "-u",
            "-m",
            "http.server",
            "8099",
            "--bind",
            "127.0.0.1",
        ],
    );
    server.await_line("Serving HTTP");
    // EADDRNOTAVAIL and ENETUNREACH.
    for address in ["[::1]:9", "[2001:db8::1]:9"] {
        let first: SocketAddr = address.parse().expect("an address");
        let members = group("failover", [first, upstream.proxy()]);
        let privet = Privet::start_as(&members, &setup);
        let proxy = format!("socks5h://{}", privet.proxy());
        let url = "http://127.0.0.1:8099/";
        for _ in 0..2 {
            let words = [
                "curl",
                "-q",
                "-sS",
                "-o",
                "/dev/null",
                "--max-time",
                "20",
                "-x",
                &proxy,
                url,
            ];
            world.run(&words).good();
        }
        privet.await_row("closed", |row| row["route"] == "two");
        let failed = privet.rows("closed");
        assert!(
            failed.iter().all(|row| row["verdict"] == "routed"),
            "{failed:#?}"
        );
    }
}
