//! Greeting, method, login, request, CONNECT and its replies.

use std::collections::HashMap;
use std::time::Duration;

use privet_net::DialErrorKind;
use privet_policy::Protocol;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::client::{ask, read, read_to_end, reply, request};
use super::fake_gateway::{Outcome, Plan, SeenRequest};
use super::server::{Echo, SocksServer};

fn guarded() -> Plan {
    Plan {
        user: Some(("alice", "secret")),
        ..Plan::default()
    }
}

async fn echoes(client: &mut TcpStream) {
    client.write_all(b"ping").await.unwrap();
    assert_eq!(&read::<4>(client).await, b"ping");
}

#[tokio::test]
async fn connect_reaches_the_target_and_reports_the_bound_address() {
    let (server, echo) = (SocksServer::open(Plan::default()).await, Echo::open().await);
    let mut client = server.connect().await;
    let (code, bound) = ask(&mut client, 1, &echo.address.to_string()).await;
    assert_eq!(code, 0);
    assert!(bound.ip().is_loopback() && bound.port() != 0);
    echoes(&mut client).await;
    let row = &server.gateway.0.connection_log.live_rows()[0];
    assert_eq!((row.up_bytes(), row.protocol()), (4, Protocol::Socks5));
}

#[tokio::test]
async fn data_sent_before_the_reply_reaches_the_target() {
    let (server, echo) = (SocksServer::open(Plan::default()).await, Echo::open().await);
    let mut client = server.connect().await;
    let all = [
        &[5, 2, 0, 2][..],
        &request(1, &echo.address.to_string()),
        b"early data",
    ];
    client.write_all(&all.concat()).await.unwrap();
    assert_eq!(read::<2>(&mut client).await, [5, 0]);
    assert_eq!(reply(&mut client).await.0, 0);
    assert_eq!(&read::<10>(&mut client).await, b"early data");
}

#[tokio::test]
async fn a_handshake_byte_by_byte_is_the_same_handshake() {
    let (server, echo) = (SocksServer::open(guarded()).await, Echo::open().await);
    let mut client = server.connect().await;
    client.set_nodelay(true).unwrap();
    let all = [
        &[5, 1, 2][..],
        b"\x01\x05alice\x06secret",
        &request(1, &format!("localhost:{}", echo.address.port())),
        b"!",
    ];
    for byte in all.concat() {
        client.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(read::<4>(&mut client).await, [5, 2, 1, 0]);
    assert_eq!(reply(&mut client).await.0, 0);
    assert_eq!(&read::<1>(&mut client).await, b"!");
}

#[tokio::test]
async fn socks4_and_4a_connect_and_are_recorded_as_such() {
    let (server, echo) = (SocksServer::open(Plan::default()).await, Echo::open().await);
    let [high, low] = echo.address.port().to_be_bytes();
    let plain = [4, 1, high, low, 127, 0, 0, 1, b'b', b'o', b'b', 0];
    let named = [&[4, 1, high, low, 0, 0, 0, 9, 0][..], b"localhost\0"].concat();
    for message in [&plain[..], &named] {
        let mut client = server.connect().await;
        client.write_all(message).await.unwrap();
        let [zero, code, ..] = read::<8>(&mut client).await;
        assert_eq!((zero, code), (0, 90));
        echoes(&mut client).await;
    }
    let seen_requests = server.seen_requests();
    assert_eq!(seen_requests[0].protocol, Protocol::Socks4);
    assert_eq!(
        seen_requests[0].user, None,
        "a SOCKS4 user id proves nothing"
    );
    assert_eq!(
        seen_requests[1].target,
        format!("localhost:{}", echo.address.port())
    );
}

#[tokio::test]
async fn each_failure_has_its_reply_code() {
    use DialErrorKind as Kind;
    let table = [
        (Outcome::Block, 2),
        (Outcome::Fail(Kind::Refused), 5),
        (Outcome::Fail(Kind::NetworkUnreachable), 3),
        (Outcome::Fail(Kind::HostUnreachable), 4),
        (Outcome::Fail(Kind::NameNotFound), 4),
        (Outcome::Fail(Kind::TtlExpired), 6),
        (Outcome::Fail(Kind::TimedOut), 6),
        (Outcome::Fail(Kind::Loop), 2),
        (Outcome::Fail(Kind::UpstreamDenied), 2),
        (Outcome::Fail(Kind::Unsupported), 8),
        (Outcome::Fail(Kind::UpstreamDown), 1),
        (Outcome::Fail(Kind::UpstreamProtocol), 1),
        (Outcome::Fail(Kind::NoRoute), 1),
        (Outcome::Fail(Kind::Exhausted), 1),
    ];
    let target = |number: usize| format!("t{number}.test:80");
    let outcomes: HashMap<String, Outcome> = table
        .iter()
        .enumerate()
        .map(|(number, (outcome, _))| (target(number), *outcome))
        .collect();
    let server = SocksServer::open(Plan {
        outcomes,
        ..Plan::default()
    })
    .await;
    for (number, (outcome, code)) in table.iter().enumerate() {
        let mut client = server.connect().await;
        let replied = ask(&mut client, 1, &target(number)).await;
        assert_eq!(
            replied,
            (*code, "0.0.0.0:0".parse().unwrap()),
            "{outcome:?}"
        );
        assert_eq!(read_to_end(&mut client).await, b"", "and then it is closed");
    }
}

#[tokio::test]
async fn a_refused_port_is_reported_as_refused_by_both_versions() {
    let server = SocksServer::open(Plan::default()).await;
    let closed = {
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        gone.local_addr().unwrap()
    };
    let mut client = server.connect().await;
    assert_eq!(ask(&mut client, 1, &closed.to_string()).await.0, 5);
    let [high, low] = closed.port().to_be_bytes();
    let mut client = server.connect().await;
    client
        .write_all(&[4, 1, high, low, 127, 0, 0, 1, 0])
        .await
        .unwrap();
    assert_eq!(read_to_end(&mut client).await, [0, 91, 0, 0, 0, 0, 0, 0]);
}

#[tokio::test]
async fn invalid_requests_are_refused_with_the_matching_code() {
    let server = SocksServer::open(Plan::default()).await;
    let table: [(&[u8], u8); 6] = [
        (b"\x05\x09\x00\x01\x7f\x00\x00\x01\x00\x50", 7),
        (b"\x05\x01\x00\x07\x7f\x00\x00\x01\x00\x50", 8),
        (b"\x05\x01\x01\x01\x7f\x00\x00\x01\x00\x50", 1),
        (b"\x05\x01\x00\x03\x00\x00\x50", 1),
        (b"\x05\x01\x00\x03\x04a..b\x00\x50", 4),
        (b"\x04\x01\x00\x01\x7f\x00\x00\x01\x00\x50", 1),
    ];
    for (message, code) in table {
        let mut client = server.connect().await;
        client.write_all(&[5, 1, 0]).await.unwrap();
        client.write_all(message).await.unwrap();
        assert_eq!(read::<2>(&mut client).await, [5, 0]);
        let replied = read_to_end(&mut client).await;
        assert_eq!(replied, [5, code, 0, 1, 0, 0, 0, 0, 0, 0], "{message:?}");
    }
    assert_eq!(server.seen_requests(), []);
}

#[tokio::test]
async fn a_refusal_reaches_a_client_that_keeps_sending() {
    let outcomes = HashMap::from([("a.test:80".to_owned(), Outcome::Block)]);
    let server = SocksServer::open(Plan {
        outcomes,
        ..Plan::default()
    })
    .await;
    let mut client = server.connect().await;
    let talk = [&[5, 1, 0][..], &request(1, "a.test:80"), &[b'x'; 8000]].concat();
    client.write_all(&talk).await.unwrap();
    let received = read_to_end(&mut client).await;
    assert_eq!(received, [5, 0, 5, 2, 0, 1, 0, 0, 0, 0, 0, 0]);
}

#[tokio::test]
async fn a_method_that_was_not_offered_is_never_chosen() {
    type User = Option<(&'static str, &'static str)>;
    let table: [(User, &[u8], u8); 6] = [
        (None, &[5, 1, 0], 0),
        (None, &[5, 2, 2, 0], 0),
        (None, &[5, 1, 2], 2),
        (None, &[5, 1, 1], 0xff),
        (Some(("alice", "secret")), &[5, 1, 0], 0xff),
        (Some(("alice", "secret")), &[5, 3, 0, 1, 2], 2),
    ];
    for (user, greeting, method) in table {
        let server = SocksServer::open(Plan {
            user,
            ..Plan::default()
        })
        .await;
        let mut client = server.connect().await;
        client.write_all(greeting).await.unwrap();
        assert_eq!(read::<2>(&mut client).await, [5, method], "{greeting:?}");
        if method == 0xff {
            assert_eq!(read_to_end(&mut client).await, b"");
        }
    }
}

#[tokio::test]
async fn a_greeting_without_methods_is_refused() {
    let server = SocksServer::open(Plan::default()).await;
    let mut client = server.connect().await;
    client.write_all(&[5, 0]).await.unwrap();
    assert_eq!(read_to_end(&mut client).await, [5, 0xff]);
}

#[tokio::test]
async fn a_valid_login_is_recorded_under_its_name() {
    let (server, echo) = (SocksServer::open(guarded()).await, Echo::open().await);
    let mut client = server.connect().await;
    client
        .write_all(b"\x05\x01\x02\x01\x05alice\x06secret")
        .await
        .unwrap();
    assert_eq!(read::<4>(&mut client).await, [5, 2, 1, 0]);
    let target = echo.address.to_string();
    client.write_all(&request(1, &target)).await.unwrap();
    assert_eq!(reply(&mut client).await.0, 0);
    let expected = SeenRequest {
        protocol: Protocol::Socks5,
        user: Some("alice".to_owned()),
        target,
    };
    assert_eq!(server.seen_requests(), [expected]);
}

#[tokio::test]
async fn only_a_valid_login_allows_a_request() {
    let server = SocksServer::open(guarded()).await;
    let request = request(1, "127.0.0.1:9");
    let bad: [&[u8]; 6] = [
        b"\x01\x05alice\x05wrong",
        b"\x01\x07mallory\x06secret",
        b"\x01\x00\x06secret",
        b"\x01\x05alice\x00",
        b"\x05\x05alice\x06secret",
        b"",
    ];
    for login in bad {
        let mut client = server.connect().await;
        let message = [&[5, 1, 2][..], login, &request].concat();
        client.write_all(&message).await.unwrap();
        let replied = read_to_end(&mut client).await;
        assert_eq!(replied, [5, 2, 1, 1], "{login:?}");
    }
    assert_eq!(
        server.seen_requests(),
        [],
        "nobody was seen_requests where to go"
    );
}

#[tokio::test]
async fn without_required_login_any_is_accepted_and_none_recorded() {
    let (server, echo) = (SocksServer::open(Plan::default()).await, Echo::open().await);
    let mut client = server.connect().await;
    client
        .write_all(b"\x05\x01\x02\x01\x01x\x01y")
        .await
        .unwrap();
    assert_eq!(read::<4>(&mut client).await, [5, 2, 1, 0]);
    let request = request(1, &echo.address.to_string());
    client.write_all(&request).await.unwrap();
    assert_eq!(reply(&mut client).await.0, 0);
    assert_eq!(server.seen_requests()[0].user, None);
}

#[tokio::test]
async fn socks4_is_refused_where_a_login_is_required() {
    let server = SocksServer::open(guarded()).await;
    let mut client = server.connect().await;
    client
        .write_all(b"\x04\x01\x00\x50\x7f\x00\x00\x01alice\x00")
        .await
        .unwrap();
    assert_eq!(read_to_end(&mut client).await, [0, 91, 0, 0, 0, 0, 0, 0]);
    assert_eq!(server.seen_requests(), []);
}

#[tokio::test]
async fn the_deadline_covers_the_whole_handshake_however_slowly_bytes_arrive() {
    let server = SocksServer::open(Plan {
        handshake_timeout: Duration::from_millis(300),
        ..Plan::default()
    })
    .await;
    let client = server.connect().await;
    let (mut from, mut to) = client.into_split();
    let drip = tokio::spawn(async move {
        let mut every = tokio::time::interval(Duration::from_millis(20));
        // A greeting that announces 255 methods takes five seconds at this pace.
        for byte in [5, 255].into_iter().chain([7; 255]) {
            every.tick().await;
            if to.write_all(&[byte]).await.is_err() {
                break;
            }
        }
    });
    let mut received = Vec::new();
    let _ = from.read_to_end(&mut received).await;
    drip.abort();
    // A greeting that was taken in time would be answered.
    assert_eq!(received, b"");
}

#[tokio::test]
async fn a_client_that_closes_during_the_handshake_causes_no_dial() {
    let server = SocksServer::open(Plan::default()).await;
    let mut client = server.connect().await;
    client.write_all(&[5, 1, 0, 5, 1, 0, 3]).await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(read_to_end(&mut client).await, [5, 0]);
    assert_eq!(server.seen_requests(), []);
}
