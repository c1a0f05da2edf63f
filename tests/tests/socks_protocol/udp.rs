//! UDP ASSOCIATE.

use std::net::{TcpStream, UdpSocket};

use privet_tests::client::{bound, socks5_command, socks5_target};
use privet_tests::{Privet, TIMEOUT, UdpEcho};

/// An association: its control connection, its relay, and a socket of the client.
fn associate(privet: &Privet) -> (TcpStream, std::net::SocketAddr, UdpSocket) {
    let (control, reply) = socks5_command(privet.proxy(), 3, "0.0.0.0", 0);
    assert_eq!(reply[1], 0, "{reply:?}");
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback has a port");
    socket
        .set_read_timeout(Some(TIMEOUT))
        .expect("a socket takes a timeout");
    (control, bound(&reply), socket)
}

fn datagram(fragment: u8, host: &str, port: u16, body: &[u8]) -> Vec<u8> {
    [&[0, 0, fragment][..], &socks5_target(host, port), body].concat()
}

fn body(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = [0; 65_536];
    let (n, _) = socket.recv_from(&mut buffer).expect("an answer");
    buffer[10..n].to_vec()
}

#[test]
fn an_association_reaches_several_targets_by_address_and_name() {
    let (one, two) = (UdpEcho::start(), UdpEcho::start());
    let privet = Privet::start("");
    let (_control, relay, socket) = associate(&privet);
    assert!(
        relay.ip().is_loopback(),
        "bound to the listener's address: {relay}"
    );
    for (echo, host, text) in [
        (&one, "127.0.0.1", "first"),
        (&two, "127.0.0.1", "second"),
        (&one, "localhost", "third"),
    ] {
        socket
            .send_to(
                &datagram(0, host, echo.address.port(), text.as_bytes()),
                relay,
            )
            .expect("sent");
        assert_eq!(body(&socket), text.as_bytes());
    }
    let row = privet.await_row("active", |row| row["protocol"] == "udp");
    assert!(row["up"].as_u64() > Some(0), "{row}");
}

#[test]
fn fragments_and_foreign_datagrams_are_dropped() {
    let echo = UdpEcho::start();
    let privet = Privet::start("");
    let (_control, relay, socket) = associate(&privet);
    let port = echo.address.port();
    socket
        .send_to(&datagram(1, "127.0.0.1", port, b"a fragment"), relay)
        .expect("sent");
    socket
        .send_to(&datagram(0, "127.0.0.1", port, b"whole"), relay)
        .expect("sent");
    assert_eq!(body(&socket), b"whole");
    let stranger = UdpSocket::bind("127.0.0.1:0").expect("loopback has a port");
    stranger
        .send_to(&datagram(0, "127.0.0.1", port, b"not mine"), relay)
        .expect("sent");
    // Datagrams from a host that the client never sent to are dropped.
    let outward = echo.senders()[0];
    let foreign = UdpSocket::bind("127.0.0.2:0").expect("loopback has a port");
    foreign.send_to(b"unasked", outward).expect("sent");
    socket
        .send_to(&datagram(0, "127.0.0.1", port, b"last"), relay)
        .expect("sent");
    assert_eq!(body(&socket), b"last");
    assert_eq!(echo.senders().len(), 2, "{:?}", echo.senders());
}

#[test]
fn an_association_ends_with_its_tcp_connection() {
    let echo = UdpEcho::start();
    let privet = Privet::start("");
    let (control, relay, socket) = associate(&privet);
    socket
        .send_to(&datagram(0, "127.0.0.1", echo.address.port(), b"x"), relay)
        .expect("sent");
    assert_eq!(body(&socket), b"x");
    privet.await_row("active", |row| row["protocol"] == "udp");
    drop(control);
    privet.await_api("status", |status| status["totals"]["active"] == 0);
    let again = UdpSocket::bind(relay);
    assert!(again.is_ok(), "the relay's port is given back: {again:?}");
}

#[test]
fn a_declared_foreign_address_does_not_keep_the_clients_datagrams_out() {
    let echo = UdpEcho::start();
    let privet = Privet::start("");
    // Several clients declare the target that they want to send to.
    for (host, port) in [
        ("192.0.2.77", 5353),
        ("target.test", 53),
        ("2001:db8::7", 0),
    ] {
        let (_control, reply) = socks5_command(privet.proxy(), 3, host, port);
        assert_eq!(reply[1], 0, "{host}: {reply:?}");
        let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback has a port");
        socket
            .set_read_timeout(Some(TIMEOUT))
            .expect("a socket takes a timeout");
        let sent = datagram(0, "127.0.0.1", echo.address.port(), host.as_bytes());
        socket.send_to(&sent, bound(&reply)).expect("sent");
        assert_eq!(body(&socket), host.as_bytes());
    }
}

#[test]
fn dropped_datagrams_leave_one_row_for_each_reason_with_a_count() {
    let echo = UdpEcho::start();
    let privet = Privet::start("");
    let (control, relay, socket) = associate(&privet);
    let port = echo.address.port();
    let stranger = UdpSocket::bind("127.0.0.2:0").expect("loopback has a port");
    let whole = datagram(0, "127.0.0.1", port, b"whole");
    for _ in 0..3 {
        stranger.send_to(&whole, relay).expect("sent");
    }
    for _ in 0..2 {
        let fragment = datagram(1, "127.0.0.1", port, b"a fragment");
        socket.send_to(&fragment, relay).expect("sent");
    }
    socket.send_to(b"\x00\x00", relay).expect("sent");
    // In order: once this is answered, the others were seen.
    socket.send_to(&whole, relay).expect("sent");
    assert_eq!(body(&socket), b"whole");
    drop(control);
    for text in [
        "3 datagrams were dropped: from another address than the client's",
        "2 datagrams were dropped: fragmented",
        "1 datagram was dropped: a malformed header",
    ] {
        let row = privet.await_row("closed", |row| {
            let error = row["error"].as_str().unwrap_or_default();
            error.starts_with(text)
        });
        assert_eq!(
            (&row["protocol"], &row["verdict"]),
            (&"udp".into(), &"failed".into()),
            "{row}"
        );
    }
    assert_eq!(echo.senders().len(), 1, "{:?}", echo.senders());
}
