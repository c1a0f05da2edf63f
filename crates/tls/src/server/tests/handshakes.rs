//! Which certificate a handshake gets, and which gets none.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use rustls::{NamedGroup, ProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use crate::client_hello::{MalformedHello, SniName};
use crate::server::{ClientCertificate, HandshakeError, MinVersion, ServerTls};
use crate::test_support::{
    TIMEOUT, TestAuthority, accept, handshake, options, program, reached, server, sockets,
};
use crate::{Alpn, CertificateFacts, ClientOptions, ClientTls, TlsDemands, Trust};

/// The first name of the certificate that a client gets; `None`: no handshake.
async fn shown(server: &ServerTls, client: &ClientTls, host: &str, local: &str) -> Option<String> {
    let (accepted, connected) = handshake(server, client, host, local).await;
    assert_eq!(accepted.is_ok(), connected.is_ok(), "{accepted:?}");
    let connected = connected.ok()?;
    let facts = CertificateFacts::read(&connected.peer_certificates().unwrap()[0]).unwrap();
    Some(facts.names[0].to_string())
}

#[tokio::test]
async fn the_certificate_is_that_of_the_name_or_of_the_address_reached() {
    let authority = TestAuthority::new();
    authority.issue("wild", &["*.a.test"]);
    authority.issue("exact", &["x.a.test"]);
    authority.issue("other", &["b.test", "127.0.0.1", "::1"]);
    let files = ["wild", "exact", "other"];
    let server = server(files.map(|file| authority.source(file)).to_vec());
    let client = authority.client(&[]);
    for (host, local, expected) in [
        ("x.a.test", "127.0.0.1", Some("x.a.test")),
        ("X.A.Test", "127.0.0.1", Some("x.a.test")),
        ("y.a.test", "127.0.0.1", Some("*.a.test")),
        ("b.test", "192.0.2.9", Some("b.test")),
        ("a.test", "127.0.0.1", None),
        ("z.y.a.test", "127.0.0.1", None),
        ("c.test", "127.0.0.1", None),
        // A client that connects to an address sends no name.
        ("127.0.0.1", "127.0.0.1", Some("b.test")),
        ("127.0.0.1", "::ffff:127.0.0.1", Some("b.test")),
        ("::1", "::1", Some("b.test")),
        ("127.0.0.1", "127.0.0.2", None),
    ] {
        let shown = shown(&server, &client, host, local).await;
        assert_eq!(shown.as_deref(), expected, "{host} at {local}");
    }
}

#[tokio::test]
async fn a_name_without_certificate_is_refused_by_an_alert() {
    let authority = TestAuthority::new();
    authority.issue("a", &["a.test"]);
    let server = server(vec![authority.source("a")]);
    let client = authority.client(&[]);
    let (accepted, connected) = handshake(&server, &client, "b.test", "127.0.0.1").await;
    let error = connected.unwrap_err().to_string();
    assert!(
        error.contains("UnrecognizedName") || error.contains("UnrecognisedName"),
        "{error}"
    );
    let error = accepted.unwrap_err();
    assert!(
        matches!(&error, HandshakeError::NoCertificate(SniName::Host(name)) if &**name == "b.test"),
        "{error}"
    );
}

#[tokio::test]
async fn an_address_as_server_name_is_never_accepted() {
    let authority = TestAuthority::new();
    authority.issue("a", &["127.0.0.1"]);
    let server = server(vec![authority.source("a")]);
    let Some(mut openssl) = program("openssl") else {
        return;
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut running = openssl
        .args(["s_client", "-servername", "127.0.0.1", "-connect"])
        .arg(address.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let accepted = accept(&server, &listener).await;
    assert!(
        matches!(
            accepted,
            Err(HandshakeError::NoCertificate(SniName::Address(_)))
        ),
        "{accepted:?}"
    );
    assert!(!running.wait().unwrap().success());
}

#[tokio::test]
async fn the_key_exchange_is_post_quantum_and_both_versions_are_served() {
    let authority = TestAuthority::new();
    authority.issue("a", &["a.test"]);
    let server = server(vec![authority.source("a")]);
    let client = authority.client(&[]);
    let (_, connected) = handshake(&server, &client, "a.test", "127.0.0.1").await;
    let connected = connected.unwrap();
    assert_eq!(connected.version(), Some(ProtocolVersion::TLSv1_3));
    assert_eq!(connected.key_exchange(), Some(NamedGroup::X25519MLKEM768));
}

#[tokio::test]
async fn a_minimum_version_of_one_name_does_not_hold_for_another() {
    let authority = TestAuthority::new();
    authority.issue("a", &["a.test"]);
    authority.issue("b", &["b.test"]);
    let mut strict = authority.source("b");
    strict.demands.min_version = MinVersion::Tls13;
    let server = server(vec![authority.source("a"), strict]);
    for (name, version, expected) in [
        ("a.test", "-tls1_2", true),
        ("a.test", "-tls1_3", true),
        ("b.test", "-tls1_2", false),
        ("b.test", "-tls1_3", true),
        ("a.test", "-tls1_1", false),
    ] {
        let Some(mut openssl) = program("openssl") else {
            return;
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut running = openssl
            .args(["s_client", version, "-servername", name, "-CAfile"])
            .arg(authority.ca())
            .args([
                "-verify_return_error",
                "-quiet",
                "-connect",
                &address.to_string(),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let accepted = accept(&server, &listener).await;
        if let Ok(mut stream) = accepted {
            assert!(expected, "{name} {version}");
            let mut stdin = running.stdin.take().unwrap();
            stdin.write_all(b"hello\n").unwrap();
            let mut bytes = [0; 6];
            stream.read_exact(&mut bytes).await.unwrap();
            assert_eq!(&bytes, b"hello\n");
        } else {
            assert!(!expected, "{name} {version} {accepted:?}");
        }
        let _ = running.kill();
        running.wait().unwrap();
    }
}

#[tokio::test]
async fn a_client_certificate_is_demanded_where_the_name_says_so() {
    let authority = TestAuthority::new();
    for file in ["free", "optional", "required", "me"] {
        authority.issue(file, &[&format!("{file}.test")]);
    }
    let stranger = TestAuthority::new();
    stranger.issue("me", &["me.test"]);
    let mut sources = ["free", "optional", "required"].map(|file| authority.source(file));
    sources[1].demands = authority.demands(ClientCertificate::Optional);
    sources[2].demands = authority.demands(ClientCertificate::Required);
    let server = server(sources.to_vec());
    let client = |of: Option<&TestAuthority>| {
        ClientTls::new(&ClientOptions {
            trust: Trust::Only(authority.ca()),
            certificate: of.map(|of| (of.path("me.pem"), of.path("me.key"))),
            ..ClientOptions::default()
        })
        .unwrap()
    };
    let mine = client(Some(&authority));
    let none = client(None);
    let strange = client(Some(&stranger));
    for (client, host, expected) in [
        (&none, "free.test", Some(0)),
        (&mine, "free.test", Some(0)),
        (&none, "optional.test", Some(0)),
        (&mine, "optional.test", Some(1)),
        (&strange, "optional.test", None),
        (&none, "required.test", None),
        (&mine, "required.test", Some(1)),
        (&strange, "required.test", None),
    ] {
        let (accepted, _client) = handshake(&server, client, host, "127.0.0.1").await;
        let seen = accepted
            .ok()
            .map(|stream| stream.peer_certificates().map_or(0, <[_]>::len));
        assert_eq!(seen, expected, "{host}");
    }
}

#[tokio::test]
async fn the_protocol_is_the_first_of_ours_that_the_client_offers() {
    let authority = TestAuthority::new();
    authority.issue("a", &["a.test"]);
    for (ours, theirs, expected) in [
        (
            &[Alpn::H2, Alpn::Http11][..],
            &[Alpn::Http11, Alpn::H2][..],
            Some(Some(Alpn::H2)),
        ),
        (
            &[Alpn::Http11],
            &[Alpn::H2, Alpn::Http11],
            Some(Some(Alpn::Http11)),
        ),
        (&[Alpn::Http11], &[], Some(None)),
        (&[], &[Alpn::H2], Some(None)),
        (&[Alpn::Http11], &[Alpn::H2], None),
    ] {
        let server = ServerTls::load(vec![authority.source("a")], options(ours)).unwrap();
        let client = authority.client(theirs);
        let (accepted, connected) = handshake(&server, &client, "a.test", "127.0.0.1").await;
        assert_eq!(accepted.ok().map(|stream| stream.alpn()), expected);
        assert_eq!(connected.ok().map(|stream| stream.alpn()), expected);
    }
}

#[tokio::test]
async fn requests_for_names_with_other_demands_are_misdirected() {
    let authority = TestAuthority::new();
    authority.issue("open", &["a.test", "b.test", "*.w.test", "127.0.0.1"]);
    authority.issue("more", &["c.test"]);
    authority.issue("closed", &["d.test"]);
    let mut closed = authority.source("closed");
    closed.demands = TlsDemands {
        min_version: MinVersion::Tls13,
        ..TlsDemands::default()
    };
    let server = server(vec![
        authority.source("open"),
        authority.source("more"),
        closed,
    ]);
    let client = authority.client(&[]);
    for (host, authority, misdirected) in [
        ("a.test", "a.test", false),
        ("a.test", "A.TEST", false),
        ("a.test", "b.test", false),
        ("a.test", "x.w.test", false),
        ("a.test", "127.0.0.1", false),
        ("127.0.0.1", "127.0.0.1", false),
        ("127.0.0.1", "a.test", false),
        // Served, but the certificate that was shown is not for it.
        ("a.test", "c.test", true),
        ("a.test", "d.test", true),
        ("d.test", "a.test", true),
        ("d.test", "d.test", false),
        ("a.test", "unknown.test", true),
        ("a.test", "192.0.2.1", true),
        ("a.test", "", true),
        ("a.test", "a b", true),
    ] {
        let (accepted, _client) = handshake(&server, &client, host, "127.0.0.1").await;
        let stream = accepted.unwrap();
        let handshake = stream.handshake().unwrap();
        assert_eq!(
            server.is_misdirected(handshake, authority),
            misdirected,
            "{host} asked for {authority}"
        );
    }
}

#[tokio::test]
async fn a_client_without_tls_is_handed_back_with_what_it_sent() {
    let authority = TestAuthority::new();
    authority.issue("a", &["a.test"]);
    let server = server(vec![authority.source("a")]);
    let (mut near, far) = sockets().await;
    near.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let deadline = Instant::now() + TIMEOUT;
    let local = "127.0.0.1".parse().unwrap();
    match server
        .accept(far, Bytes::from_static(b""), reached(local), deadline)
        .await
    {
        Err(HandshakeError::NotTls { received, .. }) => {
            assert!(received.starts_with(b"GET / "), "{received:?}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_client_that_sends_rubbish_or_closes_is_told_apart() {
    let authority = TestAuthority::new();
    authority.issue("a", &["a.test"]);
    let server = server(vec![authority.source("a")]);
    let local = "127.0.0.1".parse().unwrap();
    let deadline = Instant::now() + TIMEOUT;
    let (mut near, far) = sockets().await;
    near.write_all(&[22, 3, 1, 0, 4, 2, 0, 0, 0]).await.unwrap();
    let accepted = server
        .accept(far, Bytes::new(), reached(local), deadline)
        .await;
    assert!(matches!(
        accepted,
        Err(HandshakeError::Malformed(MalformedHello::NotClientHello))
    ));
    let mut alert = Vec::new();
    near.read_to_end(&mut alert).await.unwrap();
    assert_eq!(alert, [21, 3, 3, 0, 2, 2, 50]);
    let (near, far) = sockets().await;
    drop(near);
    let accepted = server
        .accept(far, Bytes::new(), reached(local), deadline)
        .await;
    assert!(matches!(accepted, Err(HandshakeError::Closed)));
}

#[tokio::test]
async fn handshakes_end_at_their_deadline_and_wait_for_their_turn() {
    let authority = TestAuthority::new();
    authority.issue("a", &["a.test"]);
    let mut options = options(&[]);
    options.max_handshakes = 1;
    let server = ServerTls::load(vec![authority.source("a")], options).unwrap();
    let local = "127.0.0.1".parse().unwrap();
    let soon = || Instant::now() + Duration::from_millis(300);
    // Silence.
    let (_near, far) = sockets().await;
    let accepted = server
        .accept(far, Bytes::new(), reached(local), soon())
        .await;
    assert!(matches!(accepted, Err(HandshakeError::TimedOut)));
    // A client that sends its hello and nothing else holds the only place until its deadline.
    let client = authority.client(&[]);
    let (near, mut hello) = tokio::io::duplex(64 * 1024);
    let connecting = client.connect(near, "a.test", soon());
    assert!(connecting.await.is_err());
    let mut bytes = Vec::new();
    hello.read_to_end(&mut bytes).await.unwrap();
    let (_silent, silent_end) = tokio::io::duplex(64 * 1024);
    let stalled = server.accept(silent_end, Bytes::from(bytes), reached(local), soon());
    let (near, far) = sockets().await;
    let started = Instant::now();
    let deadline = started + TIMEOUT;
    let (stalled, accepted, connected) = tokio::join!(
        stalled,
        server.accept(far, Bytes::new(), reached(local), deadline),
        client.connect(near, "a.test", deadline)
    );
    assert!(started.elapsed() >= Duration::from_millis(200));
    assert!(stalled.is_err());
    assert!(accepted.is_ok() && connected.is_ok());
}
