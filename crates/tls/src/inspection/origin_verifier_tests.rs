use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustls::client::danger::ServerCertVerified;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::origin_verifier::{Faults, OriginVerifier};
use super::*;
use crate::client::{PresentedCertificate, VerifyCertificate};
use crate::test_support::{TestAuthority, program};

fn authority() -> InspectionAuthority {
    InspectionAuthority::make(SystemTime::now()).unwrap()
}

fn verdict(
    judge: &OriginVerifier,
    chain: &[CertificateDer<'_>],
) -> Result<ServerCertVerified, rustls::Error> {
    judge.verify(PresentedCertificate {
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
        .certificate(&"a.test".parse().unwrap(), SystemTime::now())
        .unwrap();
    let verified = verdict(&judge, &[minted]);
    let text = format!("{:?}", verified.unwrap_err());
    assert!(text.contains("OwnAuthority"), "{text}");
}
