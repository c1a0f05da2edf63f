//! Our SOCKS5 server against fast-socks5's client, with the bytes of both sides split at every position.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use fast_socks5::client::{Config, Socks5Stream};
use fast_socks5::util::target_addr::TargetAddr;
use fast_socks5::{AuthenticationMethod, ReplyError, Socks5Command, SocksError};
use privet_net::{DialErrorKind, Stream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};

use super::fake_gateway::{FakeGateway, Outcome, Plan};
use super::server::{Echo, serve_client};

/// More than either side sends in any of these handshakes, in bytes.
const LONGEST_HANDSHAKE: usize = 64;

/// A stream whose reads end at one position, or after each byte.
struct SplitReads {
    inner: DuplexStream,
    split: Split,
}

#[derive(Debug, Clone, Copy)]
enum Split {
    /// After this many bytes; 0: nowhere.
    At(usize),
    EveryByte,
}

impl Split {
    fn all() -> impl Iterator<Item = Self> {
        let positions = (0..LONGEST_HANDSHAKE).map(Self::At);
        positions.chain([Self::EveryByte])
    }
}

impl privet_net::Duplex for SplitReads {}

impl AsyncRead for SplitReads {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = [0; 1024];
        let limit = match self.split {
            Split::At(0) => bytes.len(),
            Split::At(left) => left,
            Split::EveryByte => 1,
        };
        let mut part = ReadBuf::new(&mut bytes[..limit.min(buf.remaining())]);
        ready!(Pin::new(&mut self.inner).poll_read(cx, &mut part))?;
        if let Split::At(left) = &mut self.split {
            *left -= part.filled().len().min(*left);
        }
        buf.put_slice(part.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for SplitReads {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

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
        for split in Split::all() {
            let echoed = connect(&gateway, None, target.clone(), split).await;
            assert_eq!(echoed.expect("connected"), b"ping", "{target:?} {split:?}");
        }
    }
}

#[tokio::test]
async fn a_right_login_passes_wherever_the_stream_is_split() {
    let (gateway, echo) = (guarded(), Echo::open().await);
    for split in Split::all() {
        let target = TargetAddr::Ip(echo.address);
        let echoed = connect(&gateway, Some(("alice", "wonder")), target, split).await;
        assert_eq!(echoed.expect("connected"), b"ping", "{split:?}");
    }
    let requests = gateway.0.seen_requests.lock().unwrap().clone();
    let users = requests.iter().map(|request| request.user.as_deref());
    assert!(users.eq(Split::all().map(|_| Some("alice"))));
}

#[tokio::test]
async fn a_wrong_or_missing_login_is_rejected_wherever_the_stream_is_split() {
    let (gateway, echo) = (guarded(), Echo::open().await);
    for split in Split::all() {
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
        for split in Split::all() {
            let refused = connect(&gateway, None, TargetAddr::Ip(at), split).await;
            let Err(SocksError::ReplyError(refused)) = refused else {
                panic!("{split:?}: {refused:?}");
            };
            assert_eq!(refused.as_u8(), code.as_u8(), "{split:?}");
        }
    }
}
