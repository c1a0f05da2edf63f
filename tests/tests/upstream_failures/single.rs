//! One upstream that refuses, ends, is silent or answers nonsense.

use privet_tests::require;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use privet_tests::client::{read_all, socks5};
use privet_tests::peers::Microsocks;
use privet_tests::{Origin, Privet, curl, reserve};

use super::support::*;

fn strict(url: &str) -> String {
    format!(
        "mode = \"own\"\n[modes.own]\nroute = \"up\"\nkill_switch = true\ndns = \"upstream\"\n\
         [[upstream]]\nname = \"up\"\nurl = \"{url}\"\n"
    )
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
                // The client itself gives up after [`privet_tests::TIMEOUT`].
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
