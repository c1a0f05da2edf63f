//! The SOCKS5 handshake against fast-socks5's server, with the bytes of both sides split at every position.

#[path = "../../tests/support/split_reads.rs"]
mod split_reads;

use std::net::SocketAddr;

use fast_socks5::server::Socks5ServerProtocol;
use fast_socks5::util::target_addr::TargetAddr;
use fast_socks5::{ReplyError, Socks5Command};
use privet_config::Scheme;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use self::split_reads::{Split, SplitReads};
use super::credentials::Credentials;
use super::tests::{hop, target};
use super::*;
use crate::DialErrorKind;

/// The longest message: a login with 255 bytes each (RFC 1929 section 2).
const LONGEST_MESSAGE: usize = 3 + 2 * 255;
const FIRST_DATA: &[u8] = b"SSH-2.0-x\r\n";

impl crate::Duplex for SplitReads {}

/// The login that the server wants: name and password.
type Login = Option<(String, String)>;

/// Serves one CONNECT and returns the target that was requested. After a success it sends [`FIRST_DATA`].
async fn serve(
    stream: SplitReads,
    login: Login,
    reply: Result<SocketAddr, ReplyError>,
) -> Option<TargetAddr> {
    let protocol = match login {
        None => Socks5ServerProtocol::accept_no_auth(stream).await.ok()?,
        Some(login) => {
            Socks5ServerProtocol::accept_password_auth(stream, |name, password| {
                ((name, password) == login).then_some(())
            })
            .await
            .ok()?
            .0
        }
    };
    let (protocol, command, target) = protocol.read_command().await.ok()?;
    assert!(matches!(command, Socks5Command::TCPConnect));
    match reply {
        Ok(bound) => {
            let mut stream = protocol.reply_success(bound).await.ok()?;
            stream.write_all(FIRST_DATA).await.ok()?;
            // Open until the client is done.
            let _ = stream.read(&mut [0]).await;
        }
        Err(error) => protocol.reply_error(&error).await.ok()?,
    }
    Some(target)
}

/// Connects to `host` through fast-socks5. Returns the first bytes out of the tunnel, and the target that the server
/// saw.
async fn connect_through(
    ours: Login,
    theirs: Login,
    host: &str,
    reply: Result<SocketAddr, ReplyError>,
    split: Split,
) -> (Result<Vec<u8>, DialErrorKind>, Option<TargetAddr>) {
    let (client_end, server_end) = tokio::io::duplex(4096);
    let [client_end, server_end] =
        [client_end, server_end].map(|inner| SplitReads { inner, split });
    let server = tokio::spawn(serve(server_end, theirs, reply));
    let credentials = ours.map(|(name, password)| Credentials::new(name, password.into()));
    let hop = hop(Scheme::Socks5, credentials);
    let mut stream = Stream::Boxed(Box::pin(client_end));
    let handshake = HopHandshake {
        hop: &hop,
        login: hop.login.as_ref(),
        target: &target(host),
        addresses: &[],
        timeouts: HandshakeTimeouts::DEFAULT,
    };
    let received = match connect(&handshake, &mut stream).await {
        Ok(preread) => {
            let mut received = preread.to_vec();
            while received.len() < FIRST_DATA.len() {
                assert!(stream.read_buf(&mut received).await.unwrap() > 0);
            }
            Ok(received)
        }
        Err(error) => {
            assert_eq!(error.hop.as_deref(), Some("office"));
            Err(error.kind)
        }
    };
    drop(stream);
    (received, server.await.unwrap())
}

fn login(name: &str, password: &str) -> Login {
    Some((name.to_owned(), password.to_owned()))
}

#[tokio::test]
async fn connect_succeeds_with_and_without_a_login_at_every_split() {
    let bound: [SocketAddr; 2] = [
        "192.0.2.1:1080".parse().unwrap(),
        "[2001:db8::1]:1080".parse().unwrap(),
    ];
    let long = "x".repeat(255);
    for login in [None, login("bob", "pw"), login(&long, &long)] {
        for host in ["192.0.2.7", "2001:db8::7", "a.test"] {
            for (split, bound) in Split::all(LONGEST_MESSAGE + 1).zip(bound.into_iter().cycle()) {
                let (received, seen) =
                    connect_through(login.clone(), login.clone(), host, Ok(bound), split).await;
                assert_eq!(received.unwrap(), FIRST_DATA, "{host} {split:?}");
                match seen.unwrap() {
                    TargetAddr::Ip(address) => {
                        assert_eq!(
                            (address.ip().to_string().as_str(), address.port()),
                            (host, 443)
                        );
                    }
                    TargetAddr::Domain(name, port) => {
                        assert_eq!((name.as_str(), port), (host, 443))
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn every_error_reply_is_distinguished_at_every_split() {
    use DialErrorKind as Kind;
    for (reply, kind) in [
        (ReplyError::GeneralFailure, Kind::HostUnreachable),
        (ReplyError::ConnectionNotAllowed, Kind::UpstreamDenied),
        (ReplyError::NetworkUnreachable, Kind::NetworkUnreachable),
        (ReplyError::HostUnreachable, Kind::HostUnreachable),
        (ReplyError::ConnectionRefused, Kind::Refused),
        (ReplyError::TtlExpired, Kind::TtlExpired),
        (ReplyError::CommandNotSupported, Kind::Unsupported),
        (ReplyError::AddressTypeNotSupported, Kind::Unsupported),
    ] {
        for split in Split::all(LONGEST_MESSAGE + 1).take(32) {
            let (received, _) = connect_through(None, None, "a.test", Err(reply), split).await;
            assert_eq!(received.unwrap_err(), kind, "{reply:?} {split:?}");
        }
    }
}

#[tokio::test]
async fn a_wrong_or_missing_login_is_an_authentication_error_at_every_split() {
    let theirs = login("bob", "pw");
    let bound = "192.0.2.1:1080".parse().unwrap();
    for ours in [None, login("bob", "wrong"), login("eve", "pw")] {
        for split in Split::all(LONGEST_MESSAGE + 1).take(32) {
            let (received, seen) =
                connect_through(ours.clone(), theirs.clone(), "a.test", Ok(bound), split).await;
            assert_eq!(
                received.unwrap_err(),
                DialErrorKind::UpstreamAuth,
                "{split:?}"
            );
            assert!(seen.is_none());
        }
    }
}
