//! Our SOCKS5 server against fast-socks5's client, with the bytes of both sides split at every position.

#[path = "../../../../net/tests/support/split_reads.rs"]
mod split_reads;

use std::collections::HashMap;
use std::net::SocketAddr;

use fast_socks5::client::{Config, Socks5Stream};
use fast_socks5::util::target_addr::TargetAddr;
use fast_socks5::{AuthenticationMethod, ReplyError, Socks5Command, SocksError};
use privet_net::{DialErrorKind, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use self::split_reads::{Split, SplitReads};
use super::fake_gateway::{FakeGateway, Outcome, Plan};
use super::server::{Echo, serve_client};

/// More than either side sends in any of these handshakes, in bytes.
const LONGEST_HANDSHAKE: usize = 64;

impl privet_net::Duplex for SplitReads {}

/// Asks `gateway`'s server for a CONNECT to `target` and sends `ping` through; what comes back.
async fn connect(
    gateway: &FakeGateway,
    login: Option<(&str, &str)>,
    target: TargetAddr,
    split: Split,
) -> Result<Vec<u8>, SocksError> {
    let (near, far) = tokio::io::duplex(4096);
    let [near, far] = [near, far].map(|inner| SplitReads { inner, split });
    let (local, peer) = (([127, 0, 0, 1], 1080), ([127, 0, 0, 1], 9));
    let server = tokio::spawn(serve_client(
        Stream::Boxed(Box::pin(far)),
        local.into(),
        peer.into(),
        gateway.clone(),
    ));
    let auth = login.map(|(username, password)| AuthenticationMethod::Password {
        username: username.to_owned(),
        password: password.to_owned(),
    });
    let mut client = Socks5Stream::use_stream(near, auth, Config::default()).await?;
    client.request(Socks5Command::TCPConnect, target).await?;
    client.write_all(b"ping").await?;
    client.shutdown().await?;
    let mut echoed = Vec::new();
    client.read_to_end(&mut echoed).await?;
    server.await.expect("the server does not panic");
    Ok(echoed)
}

fn guarded() -> FakeGateway {
    FakeGateway::new(Plan {
        user: Some(("alice", "wonder")),
        ..Plan::default()
    })
}

#[tokio::test]
async fn a_connect_by_address_or_name_passes_wherever_the_stream_is_split() {
    let (gateway, echo) = (FakeGateway::new(Plan::default()), Echo::open().await);
    let name = TargetAddr::Domain("localhost".to_owned(), echo.address.port());
    for target in [TargetAddr::Ip(echo.address), name] {
        for split in Split::all(LONGEST_HANDSHAKE) {
            let echoed = connect(&gateway, None, target.clone(), split).await;
            assert_eq!(echoed.expect("connected"), b"ping", "{target:?} {split:?}");
        }
    }
}

#[tokio::test]
async fn a_right_login_passes_wherever_the_stream_is_split() {
    let (gateway, echo) = (guarded(), Echo::open().await);
    for split in Split::all(LONGEST_HANDSHAKE) {
        let target = TargetAddr::Ip(echo.address);
        let echoed = connect(&gateway, Some(("alice", "wonder")), target, split).await;
        assert_eq!(echoed.expect("connected"), b"ping", "{split:?}");
    }
    let requests = gateway.0.seen_requests.lock().unwrap().clone();
    let users = requests.iter().map(|request| request.user.as_deref());
    assert!(users.eq(Split::all(LONGEST_HANDSHAKE).map(|_| Some("alice"))));
}

#[tokio::test]
async fn a_wrong_or_missing_login_is_rejected_wherever_the_stream_is_split() {
    let (gateway, echo) = (guarded(), Echo::open().await);
    for split in Split::all(LONGEST_HANDSHAKE) {
        let target = TargetAddr::Ip(echo.address);
        let wrong = connect(&gateway, Some(("alice", "wander")), target.clone(), split).await;
        assert!(
            matches!(wrong, Err(SocksError::AuthenticationRejected(_))),
            "{split:?}: {wrong:?}"
        );
        let missing = connect(&gateway, None, target, split).await;
        assert!(
            matches!(missing, Err(SocksError::AuthMethodUnacceptable(_))),
            "{split:?}: {missing:?}"
        );
    }
    assert!(gateway.0.seen_requests.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_refusal_arrives_with_its_code_wherever_the_stream_is_split() {
    let at: SocketAddr = "192.0.2.1:80".parse().unwrap();
    let outcomes = [
        (Outcome::Block, ReplyError::ConnectionNotAllowed),
        (
            Outcome::Fail(DialErrorKind::Refused),
            ReplyError::ConnectionRefused,
        ),
    ];
    for (outcome, code) in outcomes {
        let gateway = FakeGateway::new(Plan {
            outcomes: HashMap::from([(at.to_string(), outcome)]),
            ..Plan::default()
        });
        for split in Split::all(LONGEST_HANDSHAKE) {
            let refused = connect(&gateway, None, TargetAddr::Ip(at), split).await;
            let Err(SocksError::ReplyError(refused)) = refused else {
                panic!("{split:?}: {refused:?}");
            };
            assert_eq!(refused.as_u8(), code.as_u8(), "{split:?}");
        }
    }
}
