//! Certificates, keys and names are checked when they are read, and read again.

use std::fs;
use std::time::{Duration, SystemTime};

use rcgen::date_time_ymd;

use crate::server::{ClientCertificate, ServerTls};
use crate::test_support::{TestAuthority, handshake, options, server};
use crate::{CertificateFacts, CertificateSource, CertificateWarningKind, LoadErrorKind};

fn kind(sources: Vec<CertificateSource>) -> LoadErrorKind {
    let error = ServerTls::load(sources, options(&[])).unwrap_err();
    assert!(!error.fix().is_empty());
    let text = error.to_string();
    assert!(text.contains(&error.path.display().to_string()), "{text}");
    error.kind
}

#[test]
fn files_that_cannot_be_used_are_refused_with_path_and_reason() {
    use LoadErrorKind as K;
    let authority = TestAuthority::new();
    authority.issue("a", &["a.test"]);
    authority.issue("b", &["b.test"]);
    authority.issue("none", &[]);
    for (name, text) in [
        ("empty", ""),
        ("text", "hello"),
        ("torn", "-----BEGIN CERTIFICATE-----\nAAAA"),
        (
            "junk",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ),
        (
            "encrypted",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
        ),
        (
            "wrong",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        ),
    ] {
        fs::write(authority.path(name), text).unwrap();
    }
    let with = |cert: &str, key: &str| {
        kind(vec![CertificateSource {
            cert: authority.path(cert),
            key: authority.path(key),
            ..authority.source("a")
        }])
    };
    assert!(matches!(with("gone.pem", "a.key"), K::Read(_)));
    assert!(matches!(with("a.pem", "gone.key"), K::Read(_)));
    assert!(matches!(with(".", "a.key"), K::Read(_)));
    assert_eq!(with("empty", "a.key"), K::NoCertificate);
    assert_eq!(with("text", "a.key"), K::NoCertificate);
    assert!(matches!(with("torn", "a.key"), K::Pem(_)));
    assert!(matches!(with("junk", "a.key"), K::BadCertificate(_)));
    assert_eq!(with("a.pem", "a.pem"), K::NoKey);
    assert_eq!(with("a.pem", "encrypted"), K::EncryptedKey);
    assert!(matches!(with("a.pem", "wrong"), K::UnsupportedKey(_)));
    assert!(matches!(with("a.pem", "b.key"), K::KeyMismatch { .. }));
    assert_eq!(kind(vec![authority.source("none")]), K::NoName);
    let named = |names: &[&str]| kind(vec![authority.source_for("a", names)]);
    assert_eq!(named(&["a b"]), K::BadName("a b".to_owned()));
    let twice = vec![
        authority.source_for("a", &["x.test"]),
        authority.source_for("b", &["X.test"]),
    ];
    assert_eq!(kind(twice), K::DuplicateName("x.test".to_owned()));
    let mut asking = authority.source("a");
    asking.demands.client_certificate = ClientCertificate::Required(authority.path("text"));
    assert_eq!(kind(vec![asking]), K::NoCertificate);
}

#[cfg(unix)]
#[test]
fn what_should_be_looked_at_is_a_warning() {
    use std::os::unix::fs::PermissionsExt;

    use CertificateWarningKind as W;
    let authority = TestAuthority::new();
    authority.issue_with("a", &["a.test"], |params| {
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2026, 3, 1);
    });
    let at = |day: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600 + day * 86_400);
    let server = server(vec![authority.source_for("a", &["a.test"])]);
    assert_eq!(server.warnings(at(30)), []);
    let kinds = |server: &ServerTls, day| -> Vec<W> {
        server
            .warnings(at(day))
            .into_iter()
            .map(|w| w.kind)
            .collect()
    };
    assert_eq!(kinds(&server, 50), [W::ExpiresSoon { at: at(59) }]);
    assert_eq!(kinds(&server, 60), [W::Expired { at: at(59) }]);
    let early = server.warnings(at(0) - Duration::from_secs(1));
    assert!(matches!(early[0].kind, W::NotYetValid { .. }));
    assert!(early[0].to_string().contains("2026-01-01"), "{}", early[0]);
    let wide = crate::test_support::server(vec![authority.source_for("a", &["a.test", "b.test"])]);
    assert_eq!(kinds(&wide, 30), [W::NameNotCovered("b.test".to_owned())]);
    fs::set_permissions(authority.path("a.key"), fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(server.reload(), Ok(true));
    assert_eq!(kinds(&server, 30), [W::KeyReadable { mode: 0o644 }]);
    assert_eq!(server.reload(), Ok(false));
}

#[tokio::test]
async fn a_bad_file_leaves_the_old_certificate_in_use_until_a_good_one_comes() {
    let authority = TestAuthority::new();
    authority.issue("a", &["a.test"]);
    let server = server(vec![authority.source("a")]);
    let client = authority.client(&[]);
    let shown = async || {
        let (_, connected) = handshake(&server, &client, "a.test", "127.0.0.1").await;
        let connected = connected.unwrap();
        CertificateFacts::read(&connected.peer_certificates().unwrap()[0])
            .unwrap()
            .fingerprint
    };
    let first = shown().await;
    assert_eq!(server.reload(), Ok(false));
    fs::write(authority.path("a.pem"), "broken").unwrap();
    let error = server.reload().unwrap_err();
    assert_eq!(error.path, authority.path("a.pem"));
    assert_eq!(shown().await, first);
    authority.issue("a", &["a.test"]);
    assert_eq!(server.reload(), Ok(true));
    let second = shown().await;
    assert_ne!(second, first);
    assert_eq!(server.certificates()[0].facts.fingerprint, second);
    assert_eq!(
        server.files(),
        [authority.path("a.key"), authority.path("a.pem")]
    );
}
