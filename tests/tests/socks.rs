//! SOCKS4, SOCKS4a and SOCKS5 as real clients speak them, alone and through real upstreams.

use privet_tests::require;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use privet_tests::client::{
    bound, connect, read_all, read_n, socks5, socks5_command, socks5_reply, socks5_target,
};
use privet_tests::peers::{Dante, Microsocks, Squid};
use privet_tests::{Origin, Privet, TIMEOUT, UdpEcho, curl, python};

const HELLO: &str = "hello from the origin\n";
const CONNECT: u8 = 1;
const BIND: u8 = 2;
const ASSOCIATE: u8 = 3;

fn through(upstream: &str) -> String {
    format!("mode = \"strict\"\n[[upstream]]\nname = \"up\"\nurl = \"{upstream}\"\n")
}

/// An association through Privet: its control connection, and a socket that is connected to its relay.
fn associate(privet: &Privet) -> (TcpStream, UdpSocket) {
    let (control, reply) = socks5_command(privet.proxy(), ASSOCIATE, "0.0.0.0", 0);
    assert_eq!(reply[1], 0, "{reply:?}");
    let relay = bound(&reply);
    assert_eq!(relay.ip(), privet.proxy().ip());
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback has a free port");
    socket.connect(relay).expect("a datagram socket connects");
    socket
        .set_read_timeout(Some(TIMEOUT))
        .expect("a socket takes a timeout");
    (control, socket)
}

fn wrapped(host: &str, port: u16, data: &[u8]) -> Vec<u8> {
    [&[0, 0, 0], &socks5_target(host, port)[..], data].concat()
}

fn exchange(socket: &UdpSocket, host: &str, port: u16, data: &[u8]) -> Vec<u8> {
    socket
        .send(&wrapped(host, port, data))
        .expect("the relay is there");
    let mut answer = vec![0; 65_536];
    let n = socket.recv(&mut answer).expect("an answer comes");
    answer.truncate(n);
    answer
}

fn closed_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener.local_addr().expect("a socket has an address")
}

#[test]
fn curl_uses_every_socks_version_on_the_mixed_listener() {
    let (origin, privet) = (Origin::http(), Privet::start("mode = \"standard\""));
    for scheme in ["socks4", "socks4a", "socks5", "socks5h"] {
        let proxy = format!("{scheme}://{}", privet.proxy());
        assert_eq!(
            curl(&["-x", &proxy, &origin.url("/")]).good(),
            HELLO,
            "{scheme}"
        );
    }
    let row = privet.await_row("closed", |row| row["protocol"] == "socks4");
    assert_eq!(row["route"], "direct", "{row}");
}

#[test]
fn a_socks_listener_accepts_only_socks() {
    let (origin, privet) = (
        Origin::http(),
        Privet::start(
            "mode = \"standard\"\n[listen]\nmixed = [\"$MIXED\"]\nsocks = [\"$SOCKS\"]\npac = \"\"\n",
        ),
    );
    let proxy = format!("socks5h://{}", privet.sandbox.socks);
    assert_eq!(curl(&["-x", &proxy, &origin.url("/")]).good(), HELLO);
    let proxy = format!("http://{}", privet.sandbox.socks);
    assert_ne!(curl(&["-x", &proxy, &origin.url("/")]).code, 0);
}

#[test]
fn only_valid_credentials_are_accepted() {
    let privet = Privet::start(
        "mode = \"standard\"\n[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\nusers = [{ name = \"alice\", password = \"open-sesame\" }]\n",
    );
    let origin = Origin::http();
    let ask = |login: &str| {
        let proxy = format!("socks5h://{login}{}", privet.proxy());
        curl(&["-x", &proxy, &origin.url("/")])
    };
    assert_eq!(ask("alice:open-sesame@").good(), HELLO);
    for login in ["alice:wrong@", "mallory:open-sesame@", ""] {
        assert_eq!(ask(login).code, 97, "{login}");
    }
    let proxy = format!("socks4a://{}", privet.proxy());
    assert_eq!(
        curl(&["-x", &proxy, &origin.url("/")]).code,
        97,
        "SOCKS4 cannot log in"
    );
    let row = privet.await_row("closed", |row| row["user"] == "alice");
    assert_eq!(row["protocol"], "socks5", "{row}");
    assert!(!privet.log().contains("open-sesame"));
}

#[test]
fn python_socks_connects_with_every_socks_version() {
    let (origin, privet) = (Origin::http(), Privet::start("mode = \"standard\""));
    let script = "
import sys
from python_socks.sync import Proxy
for scheme in ('socks4', 'socks5'):
    for rdns in (True, False):
        proxy = Proxy.from_url(f'{scheme}://{sys.argv[1]}', rdns=rdns)
        sock = proxy.connect('localhost', int(sys.argv[2]), timeout=20)
        sock.sendall(b'GET / HTTP/1.0\\r\\nHost: a\\r\\n\\r\\n')
        got = b''
        while chunk := sock.recv(4096):
            got += chunk
        print(scheme, rdns, got.endswith(b'hello from the origin\\n'))
";
    let args = [
        privet.proxy().to_string(),
        origin.address.port().to_string(),
    ];
    let answer = require!(python(script, &[&args[0], &args[1]]));
    let output = answer.good();
    assert_eq!(
        output.lines().filter(|line| line.ends_with("True")).count(),
        4,
        "{output}"
    );
}

#[test]
fn each_failure_is_reported_by_its_reply_code() {
    let privet = Privet::start(
        "mode = \"standard\"\n[[rule]]\nmatch = { domain = [\"blocked.test\"] }\nuse = \"block\"\n",
    );
    let code = |host: &str, port: u16| socks5(privet.proxy(), host, port).map(drop).unwrap_err();
    assert_eq!(code("127.0.0.1", closed_port().port()), 5, "refused");
    assert_eq!(code("no-such-name.invalid", 80), 4, "no such host");
    assert_eq!(code("blocked.test", 80), 2, "blocked by a rule");
    assert_eq!(
        code("127.0.0.1", privet.proxy().port()),
        2,
        "the proxy itself"
    );
    assert_eq!(code("a..b", 80), 4, "a name that cannot be");
    let (_, reply) = socks5_command(privet.proxy(), 9, "127.0.0.1", 80);
    assert_eq!(reply[1], 7, "an unknown command");
}

#[test]
fn a_dead_silent_or_invalid_upstream_ends_in_a_refusal() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let invalid = Origin::raw(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 I am no SOCKS server\r\n\r\n");
    });
    for upstream in [closed_port(), invalid.address] {
        let privet = Privet::start(&through(&format!("socks5://{upstream}")));
        let refused = socks5(privet.proxy(), "127.0.0.1", 9).map(drop);
        assert_eq!(refused, Err(1), "{upstream}");
    }
    let privet = Privet::start(&through(&format!(
        "socks5://{}",
        silent.local_addr().expect("a socket has an address")
    )));
    let refused = socks5(privet.proxy(), "127.0.0.1", 9).map(drop);
    assert!(refused.is_err(), "silence is not consent");
}

#[test]
fn a_slow_handshake_is_closed_at_the_deadline() {
    let privet = Privet::start(
        "mode = \"standard\"\n[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\n[listen.limits]\nhandshake_timeout = \"1s\"\n",
    );
    let mut client = connect(privet.proxy());
    client
        .set_read_timeout(Some(Duration::from_millis(100)))
        .expect("a socket takes a timeout");
    // A greeting that announces 255 methods takes 25 seconds at this pace; the connection ends before it is complete.
    let mut closed = false;
    for byte in [5, 255].into_iter().chain([7; 254]) {
        let sent = client.write_all(&[byte]);
        let read = client.read(&mut [0; 16]);
        let waits = read
            .as_ref()
            .is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        if sent.is_err() || !waits {
            closed = true;
            break;
        }
    }
    assert!(closed, "the handshake was still open after 25 seconds");
}

#[test]
fn one_udp_association_reaches_several_targets_by_address_and_name() {
    let privet = Privet::start("mode = \"standard\"");
    let (first, second) = (UdpEcho::start(), UdpEcho::start());
    let (control, socket) = associate(&privet);
    for host in ["127.0.0.1", "localhost"] {
        for echo in [&first, &second] {
            let port = echo.address.port();
            let answer = exchange(&socket, host, port, b"hello");
            assert_eq!(answer, wrapped("127.0.0.1", port, b"hello"), "{host}");
        }
    }
    let port = u64::from(first.address.port());
    let row = privet.await_row("active", |row| {
        row["protocol"] == "udp" && row["port"] == port
    });
    assert_eq!(row["up"], 5, "{row}");
    drop(control);
    privet.await_row("closed", |row| {
        row["protocol"] == "udp" && row["port"] == port
    });
}

#[test]
fn udp_goes_only_through_the_socks5_upstream() {
    let dante = require!(Dante::start());
    let privet = Privet::start(&through(&format!("socks5://{}", dante.address)));
    let (echo, (_control, socket)) = (UdpEcho::start(), associate(&privet));
    let port = echo.address.port();
    let answer = exchange(&socket, "127.0.0.1", port, b"through");
    assert_eq!(answer, wrapped("127.0.0.1", port, b"through"));
    let answer = exchange(&socket, "localhost", port, b"by name");
    assert_eq!(answer, wrapped("127.0.0.1", port, b"by name"));
    let row = privet.await_row("active", |row| row["protocol"] == "udp");
    assert_eq!(row["route"], "up", "{row}");
}

#[test]
fn udp_is_dropped_and_recorded_when_the_upstream_cannot_relay_it() {
    let microsocks = require!(Microsocks::start());
    let privet = Privet::start(&through(&format!("socks5://{}", microsocks.address)));
    let (echo, (_control, socket)) = (UdpEcho::start(), associate(&privet));
    let datagram = wrapped("127.0.0.1", echo.address.port(), b"never");
    socket.send(&datagram).expect("the relay is there");
    let row = privet.await_row("closed", |row| row["protocol"] == "udp");
    assert_eq!(row["verdict"], "failed", "{row}");
    assert_eq!(echo.senders(), []);
}

#[test]
fn a_blocked_udp_target_gets_nothing() {
    let privet = Privet::start(
        "mode = \"standard\"\n[[rule]]\nmatch = { domain = [\"localhost\"], protocol = [\"socks5\"] }\nuse = \"block\"\n",
    );
    let (echo, (_control, socket)) = (UdpEcho::start(), associate(&privet));
    let port = echo.address.port();
    let blocked = wrapped("localhost", port, b"blocked");
    socket.send(&blocked).expect("the relay is there");
    let answer = exchange(&socket, "127.0.0.1", port, b"allowed");
    assert_eq!(answer, wrapped("127.0.0.1", port, b"allowed"));
    assert_eq!(echo.senders().len(), 1);
    privet.await_row("blocked", |row| row["protocol"] == "udp");
}

/// Requests a BIND, connects a peer, and sends data both ways.
fn binds(privet: &Privet) {
    let (mut client, reply) = socks5_command(privet.proxy(), BIND, "127.0.0.1", 0);
    assert_eq!(reply[1], 0, "{reply:?}");
    let mut peer = connect(bound(&reply));
    let second = socks5_reply(&mut client);
    assert_eq!(second[1], 0);
    assert_eq!(
        bound(&second),
        peer.local_addr().expect("a socket has an address")
    );
    peer.write_all(b"220 ready").expect("the peer writes");
    assert_eq!(
        read_n(&mut client, 9).expect("it comes through"),
        b"220 ready"
    );
    client.write_all(b"QUIT").expect("the client writes");
    assert_eq!(read_n(&mut peer, 4).expect("it comes through"), b"QUIT");
    drop(client);
    assert_eq!(read_all(&mut peer), b"");
}

#[test]
fn bind_accepts_the_expected_peer() {
    binds(&Privet::start("mode = \"standard\""));
}

#[test]
fn bind_goes_through_a_socks5_upstream() {
    let dante = require!(Dante::start());
    let privet = Privet::start(&through(&format!("socks5://{}", dante.address)));
    binds(&privet);
    privet.await_row("closed", |row| row["route"] == "up");
}

#[test]
fn bind_is_refused_through_an_http_upstream() {
    let squid = require!(Squid::start());
    let privet = Privet::start(&through(&format!("http://{}", squid.address)));
    let (_, reply) = socks5_command(privet.proxy(), BIND, "127.0.0.1", 0);
    assert_eq!(reply[1], 7);
}

#[test]
fn strict_mode_without_an_upstream_opens_nothing() {
    let privet = Privet::start("mode = \"strict\"");
    for command in [CONNECT, BIND] {
        let (_, reply) = socks5_command(privet.proxy(), command, "127.0.0.1", 9);
        assert_ne!(reply[1], 0, "command {command}");
    }
    let (echo, (_control, socket)) = (UdpEcho::start(), associate(&privet));
    let datagram = wrapped("127.0.0.1", echo.address.port(), b"never");
    socket.send(&datagram).expect("the relay is there");
    privet.await_row("blocked", |row| row["protocol"] == "udp");
    assert_eq!(echo.senders(), []);
}

#[test]
fn an_ipv6_listener_serves_and_relays_on_its_own_address() {
    let privet = Privet::start(
        "mode = \"standard\"\n[listen]\nmixed = [\"$MIXED\"]\nsocks = [\"[::1]:0\"]\npac = \"\"\n",
    );
    let (_, status) = privet.api("GET", "status", None);
    let output = status.to_string();
    let Some(at) = output.find("[::1]:") else {
        panic!("no IPv6 listener in {status}");
    };
    let address: SocketAddr = output[at..]
        .split('"')
        .next()
        .and_then(|text| text.parse().ok())
        .expect("an address");
    let echo = UdpEcho::start();
    let (_control, reply) = socks5_command(address, ASSOCIATE, "::", 0);
    assert_eq!((reply[1], reply[3]), (0, 4), "{reply:?}");
    let relay = SocketAddr::from((
        <[u8; 16]>::try_from(&reply[4..20]).expect("sixteen bytes"),
        u16::from_be_bytes([reply[20], reply[21]]),
    ));
    assert_eq!(relay.ip(), address.ip());
    let socket = UdpSocket::bind("[::1]:0").expect("IPv6 loopback has a free port");
    socket.connect(relay).expect("a datagram socket connects");
    socket
        .set_read_timeout(Some(TIMEOUT))
        .expect("a socket takes a timeout");
    let port = echo.address.port();
    let answer = exchange(&socket, "127.0.0.1", port, b"both families");
    assert_eq!(answer, wrapped("127.0.0.1", port, b"both families"));
}
