//! BIND: accepted peers, replies, and the end without a peer.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::client::{ask, read, read_to_end, reply};
use super::fake_gateway::{Outcome, Plan};
use super::server::SocksServer;

/// Timeout of all waits.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Connects from a given local address.
async fn connect_from(from: &str, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    socket.connect(to).await.unwrap()
}

#[tokio::test]
async fn the_expected_peer_is_accepted_and_others_are_closed() {
    let server = SocksServer::open(Plan::default()).await;
    let mut client = server.connect().await;
    let (code, at) = ask(&mut client, 2, "127.0.0.2:0").await;
    assert_eq!((code, at.ip()), (0, server.address.ip()));

    let mut stranger = connect_from("127.0.0.3", at).await;
    let mut byte = [0];
    let closed = tokio::time::timeout(TIMEOUT, stranger.read(&mut byte)).await;
    assert_eq!(closed.expect("closed at once").unwrap_or(0), 0);

    let mut peer = connect_from("127.0.0.2", at).await;
    let (code, came) = reply(&mut client).await;
    assert_eq!((code, came), (0, peer.local_addr().unwrap()));

    peer.write_all(b"220 ready").await.unwrap();
    assert_eq!(&read::<9>(&mut client).await, b"220 ready");
    client.write_all(b"QUIT").await.unwrap();
    assert_eq!(&read::<4>(&mut peer).await, b"QUIT");
    let after = TcpStream::connect(at).await;
    assert!(after.is_err(), "one connection, then nobody listens");
}

#[tokio::test]
async fn a_peer_given_by_name_is_expected_at_its_addresses() {
    let server = SocksServer::open(Plan::default()).await;
    let mut client = server.connect().await;
    client.write_all(&[5, 1, 0]).await.unwrap();
    assert_eq!(read::<2>(&mut client).await, [5, 0]);
    client
        .write_all(b"\x05\x02\x00\x03\x09127.0.0.2\x00\x14")
        .await
        .unwrap();
    let (code, at) = reply(&mut client).await;
    assert_eq!(code, 0);
    let peer = connect_from("127.0.0.2", at).await;
    assert_eq!(reply(&mut client).await, (0, peer.local_addr().unwrap()));
}

#[tokio::test]
async fn socks4_bind_waits_for_its_peer() {
    let server = SocksServer::open(Plan::default()).await;
    let mut client = server.connect().await;
    client
        .write_all(&[4, 2, 0, 20, 127, 0, 0, 1, 0])
        .await
        .unwrap();
    let [_, code, high, low, a, b, c, d] = read::<8>(&mut client).await;
    assert_eq!(code, 90);
    let at = SocketAddr::from(([a, b, c, d], u16::from_be_bytes([high, low])));
    let mut peer = TcpStream::connect(at).await.unwrap();
    let [_, code, high, low, ..] = read::<8>(&mut client).await;
    let port = u16::from_be_bytes([high, low]);
    assert_eq!((code, port), (90, peer.local_addr().unwrap().port()));
    client.write_all(b"hello").await.unwrap();
    assert_eq!(&read::<5>(&mut peer).await, b"hello");
}

#[tokio::test]
async fn the_bind_listener_closes_with_its_client() {
    let server = SocksServer::open(Plan::default()).await;
    let mut client = server.connect().await;
    let (_, at) = ask(&mut client, 2, "127.0.0.1:0").await;
    client.shutdown().await.unwrap();
    assert_eq!(read_to_end(&mut client).await, b"");
    assert!(TcpStream::connect(at).await.is_err());
}

#[tokio::test]
async fn through_an_upstream_the_upstream_listens() {
    let upstream = SocksServer::open(Plan::default()).await;
    for scheme in ["socks5", "socks4"] {
        let server = SocksServer::open(Plan {
            upstream: Some(format!("{scheme}://{}", upstream.address)),
            ..Plan::default()
        })
        .await;
        let mut client = server.connect().await;
        let (code, at) = ask(&mut client, 2, "127.0.0.2:21").await;
        assert_eq!(code, 0, "{scheme}");
        let mut peer = connect_from("127.0.0.2", at).await;
        let came = reply(&mut client).await;
        assert_eq!(came, (0, peer.local_addr().unwrap()));
        peer.write_all(b"220").await.unwrap();
        assert_eq!(&read::<3>(&mut client).await, b"220");
        assert_eq!(
            upstream.seen_requests().pop().unwrap().target,
            "127.0.0.2:21"
        );
        assert_eq!(server.route(), "up");
    }
}

#[tokio::test]
async fn an_upstream_without_bind_gives_command_not_supported() {
    let upstream = SocksServer::open(Plan::default()).await;
    let server = SocksServer::open(Plan {
        upstream: Some(format!("http://{}", upstream.address)),
        ..Plan::default()
    })
    .await;
    let mut client = server.connect().await;
    assert_eq!(ask(&mut client, 2, "127.0.0.2:21").await.0, 7);
    assert_eq!(read_to_end(&mut client).await, b"");
}

#[tokio::test]
async fn a_peer_forbidden_by_a_reload_is_not_accepted() {
    let server = SocksServer::open(Plan::default()).await;
    let mut client = server.connect().await;
    let (_, at) = ask(&mut client, 2, "127.0.0.2:0").await;
    let outcomes = HashMap::from([("127.0.0.2:0".to_owned(), Outcome::Block)]);
    server.gateway.reload(outcomes);
    let mut peer = connect_from("127.0.0.2", at).await;
    assert_eq!(reply(&mut client).await.0, 2);
    let mut byte = [0];
    let closed = tokio::time::timeout(TIMEOUT, peer.read(&mut byte)).await;
    assert_eq!(closed.expect("closed").unwrap_or(0), 0);
}

#[tokio::test]
async fn a_waiting_bind_forbidden_by_a_reload_stops_listening() {
    let server = SocksServer::open(Plan::default()).await;
    let mut client = server.connect().await;
    let (_, at) = ask(&mut client, 2, "127.0.0.2:0").await;
    let outcomes = HashMap::from([("127.0.0.2:0".to_owned(), Outcome::Block)]);
    server.gateway.reload(outcomes);
    assert_eq!(reply(&mut client).await.0, 2);
    assert!(TcpStream::connect(at).await.is_err());
}
