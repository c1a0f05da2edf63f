use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use super::*;
use crate::server::{ClientCertificate, MinVersion};
use crate::test_support::{TIMEOUT, TestAuthority, handshake, server, sockets};
use crate::{Alpn, CertificateFacts, CertificateName, ClientOptions, ClientTls, TlsDemands, Trust};

fn authority() -> InspectionAuthority {
    InspectionAuthority::make(SystemTime::now()).unwrap()
}

fn name(text: &str) -> CertificateName {
    text.parse().unwrap()
}

fn deadline() -> Instant {
    Instant::now() + TIMEOUT
}

/// A client that trusts the inspection authority only.
fn client(folder: &Path, authority: &InspectionAuthority, alpn: &[Alpn]) -> ClientTls {
    let path = folder.join("inspection.pem");
    fs::write(&path, authority.certificate_pem()).unwrap();
    ClientTls::new(&ClientOptions {
        trust: Trust::Only(path),
        alpn: alpn.to_vec(),
        ..ClientOptions::default()
    })
    .unwrap()
}

#[test]
fn an_authority_is_the_same_after_it_was_kept() {
    let made = authority();
    let read = InspectionAuthority::from_pem(&made.secret_pem()).unwrap();
    assert_eq!(read.facts().fingerprint, made.facts().fingerprint);
    assert!(read.common_name().starts_with("Privet inspection "));
    assert!(!made.certificate_pem().contains("PRIVATE"));
    assert!(!format!("{made:?}").contains("PRIVATE"));
    assert!(InspectionAuthority::from_pem(&made.certificate_pem()).is_err());
    assert!(InspectionAuthority::from_pem("").is_err());
    let year = Duration::from_secs(365 * 86_400);
    assert!(made.is_valid_at(SystemTime::now() + 9 * year));
    assert!(!made.is_valid_at(SystemTime::now() + 11 * year));
}

#[tokio::test]
async fn a_client_that_trusts_the_authority_accepts_what_is_minted() {
    let folder = tempfile::tempdir().unwrap();
    let authority = authority();
    for (alpn, expected) in [
        (&[Alpn::H2, Alpn::Http11][..], Some(Alpn::H2)),
        (&[Alpn::Http11], Some(Alpn::Http11)),
        (&[], None),
    ] {
        let client = client(folder.path(), &authority, alpn);
        let minter = Minter::new(
            InspectionAuthority::from_pem(&authority.secret_pem()).unwrap(),
            LEAVES,
        )
        .unwrap();
        for host in ["a.test", "127.0.0.1", "::1", "a_b.test"] {
            let (near, far) = sockets().await;
            let name = name(host);
            let (accepted, connected) = tokio::join!(
                minter.accept(far, Bytes::new(), &name, deadline()),
                client.connect(near, host, deadline())
            );
            let (mut accepted, mut connected) = (accepted.unwrap(), connected.unwrap());
            assert_eq!(accepted.alpn(), expected);
            accepted.write_all(b"hello").await.unwrap();
            let mut read = [0; 5];
            connected.read_exact(&mut read).await.unwrap();
            let facts = CertificateFacts::read(&connected.peer_certificates().unwrap()[0]).unwrap();
            assert_eq!(facts.names, [name]);
            let now = SystemTime::now();
            let days = |days: u64| Duration::from_secs(days * 86_400);
            assert!(facts.not_before < now && facts.not_after > now + days(3));
            assert!(facts.not_after < now + days(8));
        }
        assert_eq!(minter.kept(), 4);
    }
}

#[tokio::test]
async fn a_client_that_refuses_the_certificate_is_told_apart_from_one_that_is_gone() {
    let stranger = TestAuthority::new();
    let client = stranger.client(&[]);
    let minter = Minter::new(authority(), LEAVES).unwrap();
    let (near, far) = sockets().await;
    let name = name("a.test");
    let (accepted, connected) = tokio::join!(
        minter.accept(far, Bytes::new(), &name, deadline()),
        client.connect(near, "a.test", deadline())
    );
    assert!(connected.is_err());
    let error = accepted.err().unwrap();
    assert!(
        matches!(
            error,
            ClientHandshakeError::Refused(ClientRefusal::Alert(_))
        ),
        "{error}"
    );
    let (near, far) = sockets().await;
    drop(near);
    let error = minter
        .accept(far, Bytes::new(), &name, deadline())
        .await
        .err()
        .unwrap();
    assert!(matches!(error, ClientHandshakeError::Failed(_)), "{error}");
}

#[test]
fn certificates_are_kept_by_name_and_their_number_is_bounded() {
    let minter = Minter::new(authority(), 3).unwrap();
    let now = SystemTime::now();
    let server = |host: &str, now| minter.server(&name(host), now).unwrap();
    let first = server("a.test", now);
    assert!(Arc::ptr_eq(&first, &server("a.test", now)));
    server("b.test", now);
    server("c.test", now);
    server("a.test", now);
    server("d.test", now);
    assert_eq!(minter.kept(), 3);
    // The one that was not used for longest went.
    assert!(Arc::ptr_eq(&first, &server("a.test", now)));
    let later = now + Duration::from_secs(4 * 86_400);
    assert!(!Arc::ptr_eq(&first, &server("a.test", later)));
}

#[test]
fn one_name_is_minted_once_however_many_ask() {
    let minter = Minter::new(authority(), LEAVES).unwrap();
    let now = SystemTime::now();
    let all: Vec<_> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| minter.server(&name("a.test"), now).unwrap()))
            .collect();
        asking
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(all.iter().all(|server| Arc::ptr_eq(server, &all[0])));
}

#[test]
fn no_two_certificates_have_one_number() {
    let minter = Minter::new(authority(), LEAVES).unwrap();
    let serial = |host: &str| {
        let der = minter.certificate(&name(host), SystemTime::now()).unwrap();
        let (_, parsed) =
            <x509_parser::certificate::X509Certificate<'_> as x509_parser::prelude::FromDer<
                '_,
                _,
            >>::from_der(&der)
            .unwrap();
        parsed.raw_serial().to_vec()
    };
    assert_ne!(serial("a.test"), serial("a.test"));
    assert_eq!(serial("a.test").len(), 16);
}

fn origin(authority: &TestAuthority, own: &InspectionAuthority) -> OriginTls {
    OriginTls::new(&[authority.ca()], own.certificate().clone()).unwrap()
}

/// Connects to a server that shows this certificate.
async fn connect(
    authority: &TestAuthority,
    demands: TlsDemands,
    origin: &OriginTls,
    host: &str,
) -> Result<Option<Alpn>, OriginError> {
    let mut source = authority.source_for("server", &["a.test"]);
    source.demands = demands;
    let server = server(vec![source]);
    let (near, far) = sockets().await;
    let addresses = crate::test_support::reached("127.0.0.1".parse().unwrap());
    let alpn = [Alpn::H2, Alpn::Http11];
    let (_, connected) = tokio::join!(
        server.accept(far, Bytes::new(), addresses, deadline()),
        origin.connect(near, host, &alpn, deadline()),
    );
    connected.map(|stream| stream.alpn())
}

#[tokio::test]
async fn an_origin_that_asks_for_a_client_certificate_is_recognised() {
    let authority = TestAuthority::new();
    authority.issue("server", &["a.test"]);
    let origin = origin(&authority, &self::authority());
    let none = connect(&authority, TlsDemands::default(), &origin, "a.test").await;
    assert_eq!(none.unwrap(), Some(Alpn::H2));
    for demand in [ClientCertificate::Optional, ClientCertificate::Required] {
        let demands = TlsDemands {
            min_version: MinVersion::Tls12,
            client_certificate: demand(authority.ca()),
        };
        let error = connect(&authority, demands, &origin, "a.test").await;
        assert!(
            matches!(error, Err(OriginError::AsksForCertificate)),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn the_handshake_with_a_badly_certified_origin_says_what_is_wrong() {
    let authority = TestAuthority::new();
    authority.issue_with("server", &["a.test"], |params| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    });
    let origin = origin(&authority, &self::authority());
    let refused = connect(&authority, TlsDemands::default(), &origin, "a.test").await;
    let Err(OriginError::Certificate(faults)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].to_string(), "it expired on 2021-01-01");
}

#[tokio::test]
async fn minted_servers_and_others_do_not_share_sessions() {
    let folder = tempfile::tempdir().unwrap();
    let own = authority();
    let client = client(folder.path(), &own, &[]);
    let minter = Minter::new(own, LEAVES).unwrap();
    for (host, resumed) in [("a.test", false), ("a.test", true), ("b.test", false)] {
        let (near, far) = sockets().await;
        let name = name(host);
        let (accepted, connected) = tokio::join!(
            minter.accept(far, Bytes::new(), &name, deadline()),
            client.connect(near, host, deadline())
        );
        let (mut accepted, mut connected) = (accepted.unwrap(), connected.unwrap());
        assert_eq!(accepted.is_resumed(), resumed, "{host}");
        // The tickets come with the first bytes.
        accepted.write_all(b"x").await.unwrap();
        connected.read_exact(&mut [0]).await.unwrap();
    }
    let stranger = TestAuthority::new();
    stranger.issue("x", &["a.test"]);
    let other = server(vec![stranger.source("x")]);
    let (_, connected) = handshake(&other, &client, "a.test", "127.0.0.1").await;
    assert!(connected.is_err());
}
