//! Reply codes, CONNECT, BIND, SOCKS4 and 4a, logins.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use privet_tests::client::{
    bound, connect, read_all, read_n, socks5, socks5_command, socks5_reply, socks5_target,
};
use privet_tests::{Origin, Privet, reserve};

#[test]
fn each_failure_has_its_reply_code() {
    let privet = Privet::start("[[rule]]\nmatch = { domain = [\"no.test\"] }\nuse = \"block\"\n");
    assert_eq!(
        socks5(privet.proxy(), "127.0.0.1", reserve().port()).err(),
        Some(5),
        "refused"
    );
    assert_eq!(
        socks5(privet.proxy(), "no.test", 80).err(),
        Some(2),
        "not allowed"
    );
    let (_, reply) = socks5_command(privet.proxy(), 9, "127.0.0.1", 80);
    assert_eq!(reply[1], 7, "command not supported");
    let mut stream = connect(privet.proxy());
    stream
        .write_all(&[5, 1, 0, 5, 1, 0, 9, 1, 1, 1, 1, 0, 80])
        .expect("open");
    let answer = read_all(&mut stream);
    assert_eq!(
        answer.get(..4),
        Some(&[5, 0, 5, 8][..]),
        "address type not supported"
    );
    assert!(matches!(
        socks5(privet.proxy(), "name.invalid", 80).err(),
        Some(1 | 3 | 4)
    ));
}

#[test]
fn ipv6_targets_and_names_are_reached() {
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        return privet_tests::missing("no IPv6 loopback");
    };
    let port = listener.local_addr().expect("bound").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut stream: TcpStream = stream;
            let _ = stream.write_all(b"six");
        }
    });
    let privet = Privet::start("");
    for host in ["::1", "localhost"] {
        let mut stream = socks5(privet.proxy(), host, port)
            .unwrap_or_else(|code| panic!("{host}: reply {code}"));
        assert_eq!(read_n(&mut stream, 3).expect("bytes"), b"six");
    }
}

#[test]
fn a_method_that_was_not_offered_is_never_chosen() {
    let privet = Privet::start("");
    for methods in [&[1][..], &[2], &[3, 4, 0x80]] {
        let mut stream = connect(privet.proxy());
        stream
            .write_all(&[&[5, methods.len() as u8], methods].concat())
            .expect("open");
        let answer = read_n(&mut stream, 2).expect("an answer");
        assert!(
            answer[1] == 0xff || methods.contains(&answer[1]),
            "{methods:?} → {answer:?}"
        );
    }
}

#[test]
fn bytes_sent_with_the_request_reach_the_target() {
    let origin = Origin::echo();
    let privet = Privet::start("");
    let mut stream = connect(privet.proxy());
    let all = [
        &[5, 1, 0, 5, 1, 0][..],
        &socks5_target("127.0.0.1", origin.port()),
        b"early",
    ]
    .concat();
    stream.write_all(&all).expect("open");
    assert_eq!(read_n(&mut stream, 2).expect("a method"), [5, 0]);
    assert_eq!(socks5_reply(&mut stream)[1], 0);
    assert_eq!(read_n(&mut stream, 5).expect("an echo"), b"early");
}

#[test]
fn bind_accepts_the_named_peer_and_reports_its_address() {
    let privet = Privet::start("");
    let (mut stream, reply) = socks5_command(privet.proxy(), 2, "127.0.0.1", 0);
    assert_eq!(reply[1], 0, "{reply:?}");
    let mut peer = connect(bound(&reply));
    let second = socks5_reply(&mut stream);
    assert_eq!(second[1], 0);
    assert_eq!(bound(&second), peer.local_addr().expect("connected"));
    peer.write_all(b"from outside").expect("open");
    assert_eq!(read_n(&mut stream, 12).expect("bytes"), b"from outside");
    stream.write_all(b"back").expect("open");
    assert_eq!(read_n(&mut peer, 4).expect("bytes"), b"back");
}

#[test]
fn socks4_connects_binds_and_refuses() {
    let origin = Origin::echo();
    let privet = Privet::start("");
    let ask = |command: u8, port: u16, tail: &[u8]| {
        let mut stream = connect(privet.proxy());
        let all = [&[4, command], &port.to_be_bytes()[..], tail].concat();
        stream.write_all(&all).expect("open");
        let reply = read_n(&mut stream, 8).expect("a reply");
        assert_eq!(reply[0], 0);
        (stream, reply)
    };
    let (mut stream, reply) = ask(1, origin.port(), &[127, 0, 0, 1, b'm', b'e', 0]);
    assert_eq!(reply[1], 90);
    stream.write_all(b"ping").expect("open");
    assert_eq!(read_n(&mut stream, 4).expect("an echo"), b"ping");
    let (_, reply) = ask(
        1,
        origin.port(),
        &[&[0, 0, 0, 1, 0], &b"localhost\0"[..]].concat(),
    );
    assert_eq!(reply[1], 90, "SOCKS4a");
    let (_, reply) = ask(1, reserve().port(), &[127, 0, 0, 1, 0]);
    assert_eq!(reply[1], 91, "refused");
    let (mut stream, reply) = ask(2, 0, &[127, 0, 0, 1, 0]);
    assert_eq!(reply[1], 90, "BIND");
    let mut peer = connect(([127, 0, 0, 1], u16::from_be_bytes([reply[2], reply[3]])).into());
    assert_eq!(read_n(&mut stream, 8).expect("a second reply")[1], 90);
    peer.write_all(b"hi").expect("open");
    assert_eq!(read_n(&mut stream, 2).expect("bytes"), b"hi");
}

#[test]
fn a_connection_closed_anywhere_in_its_handshake_leaves_nothing_behind() {
    let origin = Origin::echo();
    let privet = Privet::start("");
    let whole = [
        &[5, 1, 0, 5, 1, 0][..],
        &socks5_target("localhost", origin.port()),
    ]
    .concat();
    for cut in 0..whole.len() {
        let mut stream = connect(privet.proxy());
        stream.write_all(&whole[..cut]).expect("open");
        stream.shutdown(std::net::Shutdown::Write).expect("open");
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert_eq!(origin.accepted(), 0);
    assert!(socks5(privet.proxy(), "127.0.0.1", origin.port()).is_ok());
}

#[test]
fn a_refused_greeting_leaves_a_row_with_its_reason() {
    let privet = Privet::start("");
    for (greeting, reason) in [
        (&[5, 1, 99][..], "no method"),
        (&[5, 1, 0, 5, 9, 0, 1, 127, 0, 0, 1, 0, 80], "command"),
    ] {
        let mut stream = connect(privet.proxy());
        stream.write_all(greeting).expect("open");
        read_all(&mut stream);
        privet.await_row("closed", |row| {
            row["protocol"] == "socks5"
                && row["error"]
                    .as_str()
                    .is_some_and(|text| text.contains(reason))
        });
    }
}

#[test]
fn a_client_of_another_protocol_leaves_a_row_with_its_reason() {
    let privet = Privet::start("[listen]\nmixed = [\"$MIXED\"]\nhttp = [\"$HTTP\"]\npac = \"\"\n");
    for (at, first, reason) in [
        (
            privet.proxy(),
            &b"\x16\x03\x01\x00\x05hello"[..],
            "an https listener",
        ),
        (privet.proxy(), b"\x06\x01\x00", "the byte 0x06"),
        (privet.sandbox.http, b"\x05\x01\x00", "SOCKS on a listener"),
    ] {
        let mut stream = connect(at);
        stream.write_all(first).expect("open");
        assert!(read_all(&mut stream).is_empty());
        let has_reason = |row: &serde_json::Value| {
            let error = row["error"].as_str();
            error.is_some_and(|text| text.contains(reason))
        };
        privet.await_row("closed", has_reason);
    }
}

#[test]
fn a_login_without_a_password_is_accepted_where_nobody_is_asked_for_one() {
    let origin = Origin::echo();
    let privet = Privet::start("");
    for login in [&b"\x01\x05alice\x00"[..], b"\x01\x01x\x01y"] {
        let mut stream = connect(privet.proxy());
        stream.write_all(&[5, 1, 2]).expect("open");
        assert_eq!(read_n(&mut stream, 2).expect("a method"), [5, 2]);
        stream.write_all(login).expect("open");
        assert_eq!(read_n(&mut stream, 2).expect("an answer"), [1, 0]);
        let target = socks5_target("127.0.0.1", origin.port());
        let request = [&[5, 1, 0], &target[..]].concat();
        stream.write_all(&request).expect("open");
        assert_eq!(socks5_reply(&mut stream)[1], 0);
        stream.write_all(b"hello").expect("open");
        assert_eq!(read_n(&mut stream, 5).expect("the echo"), b"hello");
    }
}

#[test]
fn keepalive_is_on_towards_client_and_server_and_earlier_than_the_idle_timeout() {
    let ss = privet_tests::require!(privet_tests::program("ss"));
    let origin = Origin::echo();
    let privet = Privet::start("");
    let mut stream = socks5(privet.proxy(), "127.0.0.1", origin.port()).expect("a tunnel");
    stream.write_all(b"x").expect("open");
    assert_eq!(read_n(&mut stream, 1).expect("the echo"), b"x");
    let ours = |local: Option<std::net::SocketAddr>, peer: Option<std::net::SocketAddr>| {
        let answer = privet_tests::client::run(&ss, &["-Htno", "state", "established"]).good();
        let is = |line: &&str| {
            let mut addresses = line.split_whitespace().skip(2);
            let pair = (addresses.next(), addresses.next());
            local.is_none_or(|at| pair.0 == Some(&at.to_string()))
                && peer.is_none_or(|at| pair.1 == Some(&at.to_string()))
        };
        answer.lines().find(is).unwrap_or_default().to_owned()
    };
    // A retransmission timer hides the other until everything is acknowledged.
    for (local, peer) in [(Some(privet.proxy()), None), (None, Some(origin.address))] {
        privet_tests::wait::until("a keepalive timer", || {
            let line = ours(local, peer);
            let timer = line.split("timer:(keepalive,").nth(1).unwrap_or_default();
            timer.starts_with("1min")
                || timer
                    .split(',')
                    .next()
                    .is_some_and(|time| time.ends_with("sec"))
        });
    }
}
