use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use rustls::client::danger::ServerCertVerified;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use super::origin_verifier::{Faults, OriginVerifier};
use super::*;
use crate::client::{Shown, VerifyCertificate};
use crate::server::{ClientCertificate, MinVersion};
use crate::test_support::{PATIENCE, TestAuthority, handshake, program, server, sockets};
use crate::{Alpn, CertificateFacts, CertificateName, ClientOptions, ClientTls, TlsDemands, Trust};

fn authority() -> InspectionAuthority {
    InspectionAuthority::make(SystemTime::now()).unwrap()
}

fn name(text: &str) -> CertificateName {
    text.parse().unwrap()
}

fn deadline() -> Instant {
    Instant::now() + PATIENCE
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

fn verdict(
    judge: &OriginVerifier,
    chain: &[CertificateDer<'_>],
) -> Result<ServerCertVerified, rustls::Error> {
    judge.verify(Shown {
        certificate: &chain[0],
        intermediates: &chain[1..],
        name: &ServerName::try_from("a.test").unwrap(),
        ocsp_response: &[],
        now: UnixTime::now(),
    })
}

/// What the judge says about a certificate for `a.test`. `pem`: the chain.
fn codes(judge: &OriginVerifier, pem: &[u8]) -> Vec<&'static str> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .unwrap();
    let verified = verdict(judge, &chain);
    let Err(rustls::Error::InvalidCertificate(rustls::CertificateError::Other(other))) = verified
    else {
        assert!(verified.is_ok(), "{verified:?}");
        return Vec::new();
    };
    let faults = &other.0.downcast_ref::<Faults>().unwrap().0;
    faults.iter().map(CertificateFault::code).collect()
}

#[test]
fn each_fault_of_a_certificate_is_named() {
    let trusted = TestAuthority::new();
    let stranger = TestAuthority::new();
    let own = authority();
    let judge = OriginVerifier::new(&[trusted.ca()], own.certificate().clone()).unwrap();
    let issue = |authority: &TestAuthority, names: &[&str], years: (i32, i32)| {
        authority.issue_with("x", names, |params| {
            params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
            params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
        });
        fs::read(authority.path("x.pem")).unwrap()
    };
    let good = (2020, 2090);
    for (pem, expected) in [
        (issue(&trusted, &["a.test"], good), &[][..]),
        (issue(&trusted, &["a.test"], (2020, 2021)), &["expired"]),
        (
            issue(&trusted, &["a.test"], (2080, 2090)),
            &["not-yet-valid"],
        ),
        (issue(&trusted, &["b.test"], good), &["wrong-name"]),
        (issue(&stranger, &["a.test"], good), &["untrusted"]),
        // The library stops there.
        (issue(&stranger, &["a.test"], (2020, 2021)), &["expired"]),
    ] {
        assert_eq!(codes(&judge, &pem), expected);
    }
    let alone = rcgen::generate_simple_self_signed(vec!["a.test".to_owned()]).unwrap();
    assert_eq!(codes(&judge, alone.cert.pem().as_bytes()), ["self-signed"]);
}

/// Certificates that only OpenSSL makes: an authority, and what it signs with weak digests and keys.
struct Weak(tempfile::TempDir);

impl Weak {
    fn make() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let script = "set -e
            openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj '/CN=weak' -days 900 \
                -addext basicConstraints=critical,CA:TRUE
            printf 'subjectAltName=DNS:a.test\\nbasicConstraints=CA:FALSE\\n' > ext
            leaf() {
                openssl req -newkey $2 $4 $5 -nodes -keyout $1.key -out $1.csr -subj /CN=a.test
                openssl x509 -req -in $1.csr -CA ca.pem -CAkey ca.key -out $1.pem -days 30 $3 -extfile ext
            }
            leaf sha1 rsa:2048 -sha1
            leaf short rsa:1024 -sha256
            leaf curve ec -sha256 -pkeyopt ec_paramgen_curve:prime192v1
            openssl req -x509 -newkey rsa:1024 -nodes -sha1 -keyout self.key -out self.pem -subj /CN=a.test -days 30 \
                -addext subjectAltName=DNS:a.test";
        program("openssl")?;
        let output = std::process::Command::new("sh")
            .args(["-c", script])
            .current_dir(folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        Some(Self(folder))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

#[test]
fn weak_signatures_and_keys_are_named_where_the_library_says_bad_signature() {
    let Some(weak) = Weak::make() else {
        return;
    };
    let own = authority();
    let judge = OriginVerifier::new(&[weak.path("ca.pem")], own.certificate().clone()).unwrap();
    for (file, expected) in [
        ("sha1.pem", &["weak-signature"][..]),
        ("short.pem", &["weak-key"]),
        ("curve.pem", &["weak-key"]),
        ("self.pem", &["weak-signature", "weak-key", "self-signed"]),
    ] {
        let pem = fs::read(weak.path(file)).unwrap();
        assert_eq!(codes(&judge, &pem), expected, "{file}");
    }
}

/// The certificates and responses that fuzzing begins with; all are of one authority but `stranger`, whose authority has its name.
fn revocation_file(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let (certificates, seeds) = ("fuzz_targets/revocation", "seeds/revocation");
    let under = if name.ends_with(".pem") {
        certificates
    } else {
        seeds
    };
    fs::read(folder.join(under).join(name)).unwrap()
}

#[test]
fn what_a_stapled_response_says_holds_as_long_as_it_says() {
    let certificate = |name: &str| {
        CertificateDer::from_pem_slice(&revocation_file(&format!("{name}.pem"))).unwrap()
    };
    let mut known = Revocation::default();
    known
        .add("ca.pem".as_ref(), &revocation_file("ca.pem"))
        .unwrap();
    let day = Duration::from_secs(86_400);
    let made = SystemTime::UNIX_EPOCH + 20_787 * day;
    let (before, now, after) = (made - 10 * day, made + day, made + 10_000 * day);
    let (missing, revoked) = (
        Some(CertificateFault::NoStaple),
        Some(CertificateFault::Revoked),
    );
    for (name, stapled, at, expected) in [
        ("plain", None, now, None),
        ("demanding", None, now, missing.clone()),
        ("demanding", Some("good"), now, None),
        ("demanding", Some("good"), before, missing.clone()),
        ("demanding", Some("good"), after, missing.clone()),
        ("demanding", Some("revoked"), now, revoked.clone()),
        ("demanding", Some("revoked"), after, revoked.clone()),
        ("demanding", Some("delegated"), now, missing.clone()),
        ("plain", Some("delegated"), now, revoked),
        // Of an authority that is not at hand.
        ("stranger", Some("good"), now, missing),
    ] {
        let stapled = stapled.map(revocation_file).unwrap_or_default();
        let fault = known.fault_of(&certificate(name), &[], &stapled, at);
        assert_eq!(fault, expected, "{name}");
    }
}

#[test]
fn what_the_inspection_authority_signed_is_never_an_origins() {
    let folder = tempfile::tempdir().unwrap();
    let own = authority();
    let kept = own.secret_pem();
    // As where it was installed among the system's authorities.
    let installed = folder.path().join("ca.pem");
    fs::write(&installed, own.certificate_pem()).unwrap();
    let judge = OriginVerifier::new(&[installed], own.certificate().clone()).unwrap();
    let minter = Minter::new(InspectionAuthority::from_pem(&kept).unwrap(), LEAVES).unwrap();
    let minted = minter
        .certificate(&name("a.test"), SystemTime::now())
        .unwrap();
    let verified = verdict(&judge, &[minted]);
    let text = format!("{:?}", verified.unwrap_err());
    assert!(text.contains("OwnAuthority"), "{text}");
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
