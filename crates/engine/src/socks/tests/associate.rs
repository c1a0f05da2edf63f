//! UDP ASSOCIATE: accepted senders, targets and lifetime.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use privet_connection_log::CloseReason;
use privet_policy::Protocol;
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::client::{address, ask};
use super::fake_gateway::{Outcome, Plan};
use super::server::SocksServer;

/// Timeout of a datagram on loopback.
const TIMEOUT: Duration = Duration::from_secs(20);

/// An association: its control connection, the client's socket, and the relay's address.
struct Client {
    control: TcpStream,
    socket: UdpSocket,
    relay: SocketAddr,
}

impl Client {
    async fn of(server: &SocksServer) -> Self {
        let mut control = server.connect().await;
        let (code, relay) = ask(&mut control, 3, "0.0.0.0:0").await;
        assert_eq!((code, relay.ip()), (0, server.address.ip()));
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        Self {
            control,
            socket,
            relay,
        }
    }

    async fn send(&self, target: &str, data: &[u8]) {
        let datagram = wrap(target, data);
        self.socket.send_to(&datagram, self.relay).await.unwrap();
    }

    /// The next datagram from the relay: header and data.
    async fn receive(&self) -> Vec<u8> {
        receive(&self.socket, self.relay).await
    }
}

async fn receive(socket: &UdpSocket, expected: SocketAddr) -> Vec<u8> {
    let mut bytes = vec![0; 70_000];
    let received = timeout(TIMEOUT, socket.recv_from(&mut bytes)).await;
    let (length, from) = received.expect("a datagram comes").unwrap();
    assert_eq!(from, expected);
    bytes.truncate(length);
    bytes
}

fn wrap(target: &str, data: &[u8]) -> Vec<u8> {
    [&[0, 0, 0][..], &address(target), data].concat()
}

async fn socket() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// Echoes one datagram. Returns it with its sender.
async fn echo(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut bytes = vec![0; 70_000];
    let received = timeout(TIMEOUT, socket.recv_from(&mut bytes)).await;
    let (length, from) = received.expect("a datagram comes").unwrap();
    bytes.truncate(length);
    socket.send_to(&bytes, from).await.unwrap();
    (bytes, from)
}

#[tokio::test]
async fn one_association_relays_datagrams_to_several_targets_and_back() {
    let server = SocksServer::open(Plan::default()).await;
    let client = Client::of(&server).await;
    let ((first, at_first), (second, at_second)) = (socket().await, socket().await);
    for (target, at) in [(&first, at_first), (&second, at_second)] {
        client.send(&at.to_string(), b"hello").await;
        assert_eq!(echo(target).await.0, b"hello");
        assert_eq!(client.receive().await, wrap(&at.to_string(), b"hello"));
    }
    let rows = server.gateway.0.connection_log.live_rows();
    assert_eq!(rows.len(), 2, "a row for each target");
    for row in rows {
        assert_eq!((row.up_bytes(), row.down_bytes()), (5, 5));
        assert_eq!(row.protocol(), Protocol::Udp);
    }
}

#[tokio::test]
async fn a_target_by_name_is_answered_from_its_address() {
    let server = SocksServer::open(Plan::default()).await;
    let client = Client::of(&server).await;
    let (target, at) = socket().await;
    client.send(&format!("127.0.0.1:{}", at.port()), b"1").await;
    echo(&target).await;
    client.receive().await;
    let named = server.gateway.0.seen_requests.lock().unwrap().len();
    client.send(&format!("localhost:{}", at.port()), b"2").await;
    assert_eq!(echo(&target).await.0, b"2");
    assert_eq!(client.receive().await, wrap(&at.to_string(), b"2"));
    assert_eq!(server.seen_requests().len(), named + 1);
}

#[tokio::test]
async fn the_largest_datagram_passes_whole() {
    let server = SocksServer::open(Plan::default()).await;
    let client = Client::of(&server).await;
    let (target, at) = socket().await;
    // 65,507 bytes are the most that UDP over IPv4 carries, and the header takes ten of them.
    let data = vec![b'x'; 65_507 - 10];
    client.send(&at.to_string(), &data).await;
    assert_eq!(echo(&target).await.0, data);
    assert_eq!(client.receive().await, wrap(&at.to_string(), &data));
}

#[tokio::test]
async fn datagrams_from_other_hosts_and_fragments_are_dropped() {
    let server = SocksServer::open(Plan::default()).await;
    let client = Client::of(&server).await;
    let (target, at) = socket().await;
    let other_host = UdpSocket::bind("127.0.0.2:0").await.unwrap();
    let early = wrap(&at.to_string(), b"another host, before the client");
    other_host.send_to(&early, client.relay).await.unwrap();
    let mut fragment = wrap(&at.to_string(), b"fragment");
    fragment[2] = 1;
    client
        .socket
        .send_to(&fragment, client.relay)
        .await
        .unwrap();
    client.socket.send_to(b"noise", client.relay).await.unwrap();

    client.send(&at.to_string(), b"first").await;
    assert_eq!(echo(&target).await.0, b"first");
    client.receive().await;

    let (other_port, _) = socket().await;
    let late = wrap(&at.to_string(), b"another port, after the client");
    let _ = other_port.send_to(&late, client.relay).await;
    let _ = other_host.send_to(&late, client.relay).await;
    client.send(&at.to_string(), b"second").await;
    assert_eq!(echo(&target).await.0, b"second");
}

#[tokio::test]
async fn only_the_port_in_the_request_is_accepted() {
    let server = SocksServer::open(Plan::default()).await;
    let (socket_of_client, announced) = socket().await;
    let (impostor, _) = socket().await;
    let (target, at) = socket().await;
    let mut control = server.connect().await;
    let (code, relay) = ask(&mut control, 3, &announced.to_string()).await;
    assert_eq!(code, 0);
    let _ = impostor
        .send_to(&wrap(&at.to_string(), b"impostor"), relay)
        .await;
    let mine = wrap(&at.to_string(), b"mine");
    socket_of_client.send_to(&mine, relay).await.unwrap();
    assert_eq!(echo(&target).await.0, b"mine");
    assert_eq!(receive(&socket_of_client, relay).await, mine);
}

#[tokio::test]
async fn datagrams_from_hosts_without_a_flow_are_dropped() {
    let server = SocksServer::open(Plan::default()).await;
    let client = Client::of(&server).await;
    let (target, at) = socket().await;
    client.send(&at.to_string(), b"question").await;
    let (_, dialer) = echo(&target).await;
    client.receive().await;
    let unasked = UdpSocket::bind("127.0.0.9:0").await.unwrap();
    let to = SocketAddr::new(at.ip(), dialer.port());
    unasked.send_to(b"poison", to).await.unwrap();
    client.send(&at.to_string(), b"again").await;
    echo(&target).await;
    let next = client.receive().await;
    assert_eq!(next, wrap(&at.to_string(), b"again"), "nothing in between");
}

#[tokio::test]
async fn a_blocked_target_gets_nothing_and_is_recorded_once() {
    let (target, at) = socket().await;
    let (allowed, at_allowed) = socket().await;
    let outcomes = HashMap::from([(at.to_string(), Outcome::Block)]);
    let server = SocksServer::open(Plan {
        outcomes,
        ..Plan::default()
    })
    .await;
    let client = Client::of(&server).await;
    for _ in 0..5 {
        client.send(&at.to_string(), b"blocked").await;
    }
    client.send(&at_allowed.to_string(), b"allowed").await;
    assert_eq!(echo(&allowed).await.0, b"allowed");
    assert!(target.try_recv(&mut [0; 8]).is_err());
    let refused = server.gateway.0.refused.lock().unwrap().clone();
    assert_eq!(refused, [(at.to_string(), CloseReason::Blocked)]);
}

#[tokio::test]
async fn the_association_ends_with_its_tcp_connection() {
    let server = SocksServer::open(Plan::default()).await;
    let client = Client::of(&server).await;
    let (target, at) = socket().await;
    client.send(&at.to_string(), b"x").await;
    echo(&target).await;
    client.receive().await;
    client.socket.connect(client.relay).await.unwrap();
    drop(client.control);
    // The system reports the closed port; until then datagrams still pass.
    let closed = async {
        loop {
            let _ = client.socket.send(b"noise").await;
            let received =
                timeout(Duration::from_millis(20), client.socket.recv(&mut [0; 9])).await;
            if let Ok(Err(error)) = received {
                break error.kind();
            }
        }
    };
    let closed = timeout(TIMEOUT, closed).await.expect("the relay ends");
    assert_eq!(closed, std::io::ErrorKind::ConnectionRefused);
    assert_eq!(server.gateway.0.connection_log.live_rows().len(), 0);
}

#[tokio::test]
async fn a_flow_closed_by_the_user_relays_nothing_more() {
    let server = SocksServer::open(Plan::default()).await;
    let client = Client::of(&server).await;
    let ((target, at), (other, at_other)) = (socket().await, socket().await);
    client.send(&at.to_string(), b"1").await;
    echo(&target).await;
    client.receive().await;
    server.gateway.0.connection_log.live_rows()[0].cancel(CloseReason::Closed);
    client.send(&at.to_string(), b"2").await;
    client.send(&at_other.to_string(), b"3").await;
    assert_eq!(echo(&other).await.0, b"3");
    assert!(target.try_recv(&mut [0; 8]).is_err());
}

#[tokio::test]
async fn datagrams_go_through_a_socks5_upstream_with_unresolved_names() {
    let upstream = SocksServer::open(Plan::default()).await;
    let server = SocksServer::open(Plan {
        upstream: Some(format!("socks5://{}", upstream.address)),
        ..Plan::default()
    })
    .await;
    let client = Client::of(&server).await;
    let ((target, at), (by_name, at_name)) = (socket().await, socket().await);
    client.send(&at.to_string(), b"by address").await;
    assert_eq!(echo(&target).await.0, b"by address");
    assert_eq!(client.receive().await, wrap(&at.to_string(), b"by address"));
    let name = format!("localhost:{}", at_name.port());
    client.send(&name, b"by name").await;
    assert_eq!(echo(&by_name).await.0, b"by name");
    assert_eq!(
        client.receive().await,
        wrap(&at_name.to_string(), b"by name")
    );
    let seen_requests: Vec<String> = upstream
        .seen_requests()
        .into_iter()
        .map(|seen_requests| seen_requests.target)
        .collect();
    assert_eq!(seen_requests, [at.to_string(), name], "in one association");
    assert_eq!(server.route(), "up");
}

#[tokio::test]
async fn an_upstream_without_udp_never_makes_datagrams_go_direct() {
    let upstream = SocksServer::open(Plan::default()).await;
    for scheme in ["socks4", "http"] {
        let (target, at) = socket().await;
        let server = SocksServer::open(Plan {
            upstream: Some(format!("{scheme}://{}", upstream.address)),
            ..Plan::default()
        })
        .await;
        let client = Client::of(&server).await;
        client.send(&at.to_string(), b"x").await;
        let booked = async {
            while server.gateway.0.refused.lock().unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        timeout(TIMEOUT, booked).await.expect("it is booked");
        let refused = server.gateway.0.refused.lock().unwrap().clone();
        assert_eq!(refused, [(at.to_string(), CloseReason::Failed)], "{scheme}");
        assert!(target.try_recv(&mut [0; 8]).is_err());
    }
}

#[tokio::test]
async fn a_reload_that_blocks_a_target_applies_to_its_next_datagram() {
    let server = SocksServer::open(Plan::default()).await;
    let client = Client::of(&server).await;
    let ((target, at), (other, at_other)) = (socket().await, socket().await);
    for (socket, at) in [(&target, at), (&other, at_other)] {
        client.send(&at.to_string(), b"before").await;
        echo(socket).await;
        client.receive().await;
    }
    let row_of_other = server.gateway.0.connection_log.live_rows()[1].id;
    server
        .gateway
        .reload(HashMap::from([(at.to_string(), Outcome::Block)]));
    client.send(&at.to_string(), b"after").await;
    client.send(&at_other.to_string(), b"after").await;
    assert_eq!(echo(&other).await.0, b"after");
    assert!(target.try_recv(&mut [0; 8]).is_err());
    let rows = server.gateway.0.connection_log.live_rows();
    assert_eq!(rows.len(), 1, "what is still allowed goes on");
    assert_eq!(rows[0].id, row_of_other);
}
