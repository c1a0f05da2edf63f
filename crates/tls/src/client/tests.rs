use std::fs;

use rustls::CertificateError;

use super::*;
use crate::certificate::CertificateFacts;
use crate::test_support::{TestAuthority, handshake, server};

fn facts(authority: &TestAuthority, file: &str) -> CertificateFacts {
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject;
    let path = authority.path(&format!("{file}.pem"));
    CertificateFacts::read(&CertificateDer::from_pem_file(path).unwrap()).unwrap()
}

/// Whether the client accepts the server's certificate.
async fn accepts(authority: &TestAuthority, options: ClientOptions, host: &str) -> bool {
    let server = server(vec![authority.source_for("a", &["a.test", "b.test"])]);
    let client = ClientTls::new(&options).unwrap();
    let (_, connected) = handshake(&server, &client, host, "127.0.0.1").await;
    if let Err(error) = &connected {
        assert!(error.certificate().is_some(), "{error}");
    }
    connected.is_ok()
}

#[tokio::test]
async fn authorities_and_pins_decide_whom_a_client_trusts() {
    let authority = TestAuthority::new();
    authority.issue("a", &["a.test"]);
    authority.issue("other", &["a.test"]);
    let stranger = TestAuthority::new();
    let own = facts(&authority, "a");
    let foreign = facts(&authority, "other");
    let with = |trust| ClientOptions {
        trust,
        ..ClientOptions::default()
    };
    for (trust, host, expected) in [
        (Trust::System, "a.test", false),
        (Trust::SystemAnd(authority.ca()), "a.test", true),
        (Trust::SystemAnd(authority.ca()), "b.test", false),
        (Trust::Only(authority.ca()), "a.test", true),
        (Trust::Only(authority.ca()), "b.test", false),
        (Trust::Only(stranger.ca()), "a.test", false),
        (
            Trust::Pinned(vec![Pin::Certificate(own.fingerprint)]),
            "a.test",
            true,
        ),
        (
            Trust::Pinned(vec![Pin::Key(own.key_fingerprint)]),
            "a.test",
            true,
        ),
        // A pin identifies the server, whatever its certificate says.
        (
            Trust::Pinned(vec![Pin::Key(own.key_fingerprint)]),
            "b.test",
            true,
        ),
        (
            Trust::Pinned(vec![Pin::Certificate(own.key_fingerprint)]),
            "a.test",
            false,
        ),
        (
            Trust::Pinned(vec![
                Pin::Certificate(foreign.fingerprint),
                Pin::Key(foreign.key_fingerprint),
            ]),
            "a.test",
            false,
        ),
        (Trust::Pinned(Vec::new()), "a.test", false),
    ] {
        let text = format!("{trust:?} {host}");
        assert_eq!(
            accepts(&authority, with(trust), host).await,
            expected,
            "{text}"
        );
    }
}

#[tokio::test]
async fn the_verified_name_may_differ_from_the_one_that_is_sent() {
    let authority = TestAuthority::new();
    authority.issue("a", &["a.test"]);
    for (verified, host, expected) in [
        (None, "b.test", false),
        (Some("a.test"), "b.test", true),
        (Some("b.test"), "a.test", false),
    ] {
        let options = ClientOptions {
            trust: Trust::Only(authority.ca()),
            verified_name: verified.map(str::to_owned),
            ..ClientOptions::default()
        };
        assert_eq!(
            accepts(&authority, options, host).await,
            expected,
            "{verified:?} {host}"
        );
    }
}

#[tokio::test]
async fn a_refused_certificate_is_told_apart_from_other_failures() {
    let authority = TestAuthority::new();
    authority.issue_with("a", &["a.test"], |params| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    });
    let server = server(vec![authority.source("a")]);
    let client = authority.client(&[]);
    let (_, connected) = handshake(&server, &client, "a.test", "127.0.0.1").await;
    let error = connected.unwrap_err();
    assert!(
        matches!(
            error.certificate(),
            Some(CertificateError::Expired | CertificateError::ExpiredContext { .. })
        ),
        "{error}"
    );
    let (_, connected) = handshake(&server, &client, "x.test", "127.0.0.1").await;
    assert!(connected.unwrap_err().certificate().is_none());
    let (near, _far) = tokio::io::duplex(10_000);
    let soon = Instant::now() + std::time::Duration::from_millis(50);
    let connected = client.connect(near, "a.test", soon).await;
    assert!(matches!(connected, Err(ClientError::TimedOut)));
    let (near, _far) = tokio::io::duplex(10_000);
    let connected = client.connect(near, "a b", soon).await;
    assert!(matches!(connected, Err(ClientError::Name(_))));
}

#[test]
fn files_that_a_client_cannot_use_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    for trust in [Trust::SystemAnd, Trust::Only] {
        let options = ClientOptions {
            trust: trust(path.clone()),
            ..ClientOptions::default()
        };
        assert_eq!(ClientTls::new(&options).unwrap_err().path, path);
    }
    fs::write(&path, "no certificate").unwrap();
    let options = ClientOptions {
        trust: Trust::Only(path),
        ..ClientOptions::default()
    };
    let error = ClientTls::new(&options).unwrap_err();
    assert_eq!(error.kind, LoadErrorKind::NoCertificate);
}
