//! Each protocol against correct, malformed, silent and early upstreams, one byte at a time.

use std::time::Duration;

use privet_config::{Isolation, Scheme, Upstream};
use privet_policy::{Host, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::credentials::Credentials;
use super::*;
use crate::DialErrorKind;
use crate::entry_address::EntryAddress;

pub(super) fn hop(scheme: Scheme, login: Option<Credentials>) -> Hop {
    let upstream = Upstream {
        name: "office".into(),
        scheme,
        host: "127.0.0.1".into(),
        port: 1080,
        username: None,
        password: None,
        via: None,
        isolate: Isolation::None,
        ca: None,
        pins: Vec::new(),
    };
    Hop {
        name: "office".into(),
        scheme,
        endpoint: target("127.0.0.1"),
        login,
        isolate: Isolation::None,
        tls: None,
        entry: EntryAddress::of(&upstream),
    }
}

pub(super) fn target(host: &str) -> Target {
    let host = match host.parse() {
        Ok(ip) => Host::Ip(ip),
        Err(_) => Host::Name(host.into()),
    };
    Target { host, port: 443 }
}

/// What the upstream does: waits for this many bytes, then sends these.
type Script = Vec<(usize, &'static [u8])>;

async fn play(mut wire: DuplexStream, script: Script) -> DuplexStream {
    for (wait, say) in script {
        let mut received = vec![0; wait];
        if wire.read_exact(&mut received).await.is_err() || wire.write_all(say).await.is_err() {
            break;
        }
    }
    wire
}

/// Connects through an upstream that plays `script` over a pipe of `width` bytes. Then the upstream closes, or stays
/// open (`silent`).
async fn talk(
    hop: &Hop,
    host: &str,
    script: Script,
    width: usize,
    silent: bool,
) -> Result<Bytes, DialError> {
    let (ours, theirs) = tokio::io::duplex(width);
    let upstream = tokio::spawn(async move {
        let wire = play(theirs, script).await;
        if silent {
            std::future::pending::<()>().await;
        }
        drop(wire);
    });
    let mut stream = Stream::Boxed(Box::pin(ours));
    let handshake = HopHandshake {
        hop,
        login: hop.login.as_ref(),
        target: &target(host),
        addresses: &[],
        timeouts: HandshakeTimeouts {
            step: Duration::from_millis(200),
            reply: Duration::from_millis(200),
        },
    };
    let result = connect(&handshake, &mut stream).await;
    upstream.abort();
    result
}

const SOCKS5_ASK: usize = 4 + 1 + 6 + 2;
const SOCKS5_YES: &[u8] = &[5, 0, 0, 1, 127, 0, 0, 1, 0, 80];
const CONNECT_ASK: usize = "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n".len();

fn login() -> Option<Credentials> {
    Some(Credentials::new("bob", "pw".to_owned().into()))
}

#[tokio::test]
async fn every_kind_connects_one_byte_at_a_time() {
    let socks4a = 8 + 1 + "a.test".len() + 1;
    let basic = "Proxy-Authorization: Basic Ym9iOnB3\r\n".len();
    let long_yes: &[u8] = &[
        5, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 80,
    ];
    let cases: Vec<(Hop, Script)> = vec![
        (
            hop(Scheme::Socks5, None),
            vec![(3, &[5, 0]), (SOCKS5_ASK, SOCKS5_YES)],
        ),
        (
            hop(Scheme::Socks5, login()),
            vec![(4, &[5, 2]), (8, &[1, 0]), (SOCKS5_ASK, long_yes)],
        ),
        (
            hop(Scheme::Socks5, login()),
            vec![(4, &[5, 0]), (SOCKS5_ASK, &[5, 0, 0, 3, 1, b'x', 0, 80])],
        ),
        (
            hop(Scheme::Socks4a, None),
            vec![(socks4a, &[0, 90, 0, 0, 0, 0, 0, 0])],
        ),
        (
            hop(Scheme::Http, None),
            vec![(CONNECT_ASK, b"HTTP/1.1 200 OK\r\n\r\n")],
        ),
        (
            hop(Scheme::Http, login()),
            vec![(
                CONNECT_ASK + basic,
                b"HTTP/1.0 204 x\r\nContent-Length: 0\r\n\r\n",
            )],
        ),
    ];
    for width in [1, 2, 3, 5, 4096] {
        for (hop, script) in &cases {
            let got = talk(hop, "a.test", script.clone(), width, true).await;
            assert_eq!(got.unwrap(), Bytes::new(), "{:?} {width}", hop.scheme);
        }
    }
}

#[tokio::test]
async fn data_in_the_same_packet_as_the_reply_is_kept() {
    let hop = hop(Scheme::Http, None);
    let script: Script = vec![(
        CONNECT_ASK,
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nSSH-2.0-x\r\n",
    )];
    let got = talk(&hop, "a.test", script, 4096, true).await.unwrap();
    assert_eq!(got, &b"SSH-2.0-x\r\n"[..]);
}

#[tokio::test]
async fn invalid_upstreams_give_the_error_that_names_the_violation() {
    use DialErrorKind::*;
    let yes: &[u8] = &[5, 0];
    let socks5 = |reply: &'static [u8]| vec![(3, yes), (SOCKS5_ASK, reply)];
    let http = |reply: &'static [u8]| vec![(CONNECT_ASK, reply)];
    let (five, four) = (hop(Scheme::Socks5, None), hop(Scheme::Socks4a, None));
    let (web, logs_in) = (hop(Scheme::Http, None), hop(Scheme::Socks5, login()));
    let cases: Vec<(&Hop, Script, DialErrorKind)> = vec![
        (&five, vec![], UpstreamDown),
        (
            &five,
            vec![(3, b"HTTP/1.1 400 Bad\r\n\r\n")],
            UpstreamProtocol,
        ),
        (&five, vec![(3, &[5, 0xff])], UpstreamAuth),
        (&five, vec![(3, &[5, 2])], UpstreamProtocol),
        (&logs_in, vec![(4, &[5, 2]), (8, &[1, 1])], UpstreamAuth),
        (&logs_in, vec![(4, &[5, 2]), (8, &[7, 0])], UpstreamProtocol),
        (&five, socks5(&[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]), Refused),
        (
            &five,
            socks5(&[5, 2, 0, 1, 0, 0, 0, 0, 0, 0]),
            UpstreamDenied,
        ),
        (&five, socks5(&[5, 6, 0, 1, 0, 0, 0, 0, 0, 0]), TtlExpired),
        (&five, socks5(&[5, 8, 0, 1, 0, 0, 0, 0, 0, 0]), Unsupported),
        (
            &five,
            socks5(&[5, 77, 0, 1, 0, 0, 0, 0, 0, 0]),
            UpstreamProtocol,
        ),
        (
            &five,
            socks5(&[5, 0, 0, 9, 0, 0, 0, 0, 0, 0]),
            UpstreamProtocol,
        ),
        (&five, socks5(&[4, 90, 0, 1, 0, 0, 0, 0]), UpstreamProtocol),
        (&five, socks5(&[5, 0, 0]), UpstreamDown),
        (
            &four,
            vec![(16, &[0, 91, 0, 0, 0, 0, 0, 0])],
            HostUnreachable,
        ),
        (&four, vec![(16, &[5, 0])], UpstreamProtocol),
        (&four, vec![(16, &[0, 93, 0, 0, 0, 0, 0, 0])], UpstreamAuth),
        (
            &web,
            http(b"HTTP/1.1 407 Auth\r\nProxy-Authenticate: Basic\r\n\r\n"),
            UpstreamAuth,
        ),
        (
            &web,
            http(b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno"),
            UpstreamDenied,
        ),
        (&web, http(b"HTTP/1.1 502 Bad\r\n\r\n"), HostUnreachable),
        (&web, http(b"HTTP/1.1 504 Slow\r\n\r\n"), TimedOut),
        (
            &web,
            http(b"HTTP/1.1 302 Here\r\nLocation: http://x/\r\n\r\n"),
            UpstreamDenied,
        ),
        (&web, http(b"SSH-2.0-OpenSSH\r\n"), UpstreamProtocol),
        (
            &web,
            http(b"HTTP/1.1 200 OK\r\nA: \x00\r\n\r\n"),
            UpstreamProtocol,
        ),
        (&web, http(b"HTTP/1.1 200 OK\r\n"), UpstreamDown),
    ];
    for (at, (hop, script, kind)) in cases.into_iter().enumerate() {
        for width in [1, 4096] {
            let error = talk(hop, "a.test", script.clone(), width, false)
                .await
                .unwrap_err();
            assert_eq!(error.kind, kind, "case {at}, width {width}: {error}");
            assert_eq!(error.hop.as_deref(), Some("office"));
        }
    }
}

#[tokio::test]
async fn a_reply_before_the_request_is_refused() {
    let five = hop(Scheme::Socks5, None);
    let script: Script = vec![(3, &[5, 0, 5, 0, 0, 1, 1, 1, 1, 1, 0, 1])];
    let error = talk(&five, "a.test", script, 4096, true).await.unwrap_err();
    assert_eq!(error.kind, DialErrorKind::UpstreamProtocol);
}

#[tokio::test]
async fn a_head_without_an_end_is_refused_at_the_bound() {
    let hop = hop(Scheme::Http, None);
    let (ours, mut theirs) = tokio::io::duplex(4096);
    tokio::spawn(async move {
        let _ = theirs.write_all(b"HTTP/1.1 200 OK\r\n").await;
        while theirs
            .write_all(b"X-Filler: aaaaaaaaaaaaaaaaaaaaa\r\n")
            .await
            .is_ok()
        {}
    });
    let mut stream = Stream::Boxed(Box::pin(ours));
    let handshake = HopHandshake {
        hop: &hop,
        login: None,
        target: &target("a.test"),
        addresses: &[],
        timeouts: HandshakeTimeouts::DEFAULT,
    };
    let error = connect(&handshake, &mut stream).await.unwrap_err();
    assert_eq!(error.kind, DialErrorKind::UpstreamProtocol);
}

#[tokio::test]
async fn a_timeout_before_the_request_is_blamed_on_the_upstream() {
    let five = hop(Scheme::Socks5, None);
    let error = talk(&five, "a.test", vec![], 4096, true).await.unwrap_err();
    assert_eq!(error.kind, DialErrorKind::UpstreamDown);
    let script: Script = vec![(3, &[5, 0])];
    let error = talk(&five, "a.test", script, 4096, true).await.unwrap_err();
    assert_eq!(error.kind, DialErrorKind::TimedOut);
}

#[tokio::test]
async fn socks4_refuses_unsupported_targets_before_sending() {
    let four = hop(Scheme::Socks4, None);
    for host in ["a.test", "2001:db8::1", "0.0.0.9"] {
        let error = talk(&four, host, vec![], 4096, true).await.unwrap_err();
        assert_eq!(error.kind, DialErrorKind::Unsupported, "{host}");
    }
}
