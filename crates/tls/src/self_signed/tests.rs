use std::fs;

use super::*;
use crate::test_support::{handshake, program, server};
use crate::{CertificateSource, ClientOptions, ClientTls, TlsDemands, Trust};

fn names(list: &[&str]) -> BTreeSet<CertificateName> {
    list.iter().map(|name| name.parse().unwrap()).collect()
}

/// 2026-11-29.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_910_400)
}

#[test]
fn everything_is_made_once_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("tls");
    let names = names(&["localhost", "127.0.0.1", "::1"]);
    let first = ensure(&folder, &names, now()).unwrap();
    assert_eq!(
        first.notices,
        [SelfSignedNotice::AuthorityMade, SelfSignedNotice::LeafMade]
    );
    let leaf = fs::read(&first.leaf).unwrap();
    let second = ensure(&folder, &names, now() + 300 * DAY).unwrap();
    assert_eq!(second.notices, []);
    assert_eq!(second.fingerprint, first.fingerprint);
    assert_eq!(fs::read(&second.leaf).unwrap(), leaf);
    assert_eq!(
        fs::read_to_string(&second.authority).unwrap(),
        first.authority_pem
    );
    assert!(!first.authority_pem.contains("PRIVATE"));
}

#[cfg(unix)]
#[test]
fn files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("tls");
    ensure(&folder, &names(&["localhost"]), now()).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(files.len(), 3, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn the_certificate_is_renewed_for_other_names_and_before_its_end_and_the_authority_stays() {
    let folder = tempfile::tempdir().unwrap();
    let first = ensure(folder.path(), &names(&["localhost"]), now()).unwrap();
    let made = [SelfSignedNotice::LeafMade];
    for (list, days) in [
        (&["localhost", "192.0.2.1"][..], 0),
        (&["localhost"], 1),
        (&["localhost"], 370),
        (&["localhost"], 800),
    ] {
        let next = ensure(folder.path(), &names(list), now() + days * DAY).unwrap();
        assert_eq!(next.notices, made, "{list:?} after {days} days");
        assert_eq!(next.fingerprint, first.fingerprint);
    }
    // Near its own end the authority still signs, and is replaced after it.
    let late = ensure(folder.path(), &names(&["localhost"]), now() + 3640 * DAY).unwrap();
    assert_eq!(late.notices, made);
    let again = ensure(folder.path(), &names(&["localhost"]), now() + 3641 * DAY).unwrap();
    assert_eq!(again.notices, []);
    let after = ensure(folder.path(), &names(&["localhost"]), now() + 3651 * DAY).unwrap();
    assert_eq!(after.notices[0], SelfSignedNotice::AuthorityExpired);
    assert_ne!(after.fingerprint, first.fingerprint);
}

#[test]
fn a_corrupt_file_is_set_aside_and_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let names = names(&["localhost"]);
    let first = ensure(folder.path(), &names, now()).unwrap();
    fs::write(&first.leaf, "torn").unwrap();
    let second = ensure(folder.path(), &names, now()).unwrap();
    let aside = folder.path().join("leaf.pem.corrupt");
    assert_eq!(
        second.notices,
        [
            SelfSignedNotice::SetAside(aside.clone()),
            SelfSignedNotice::LeafMade
        ]
    );
    assert_eq!(fs::read_to_string(&aside).unwrap(), "torn");
    assert_eq!(second.fingerprint, first.fingerprint);
    // The certificate of another authority is of no use.
    fs::write(folder.path().join("authority.pem"), "torn").unwrap();
    let third = ensure(folder.path(), &names, now()).unwrap();
    assert_eq!(
        third.notices,
        [
            SelfSignedNotice::SetAside(folder.path().join("authority.pem.corrupt")),
            SelfSignedNotice::AuthorityMade,
            SelfSignedNotice::LeafMade
        ]
    );
    assert_ne!(third.fingerprint, first.fingerprint);
    assert_eq!(
        fs::read_to_string(&third.authority).unwrap(),
        third.authority_pem
    );
    // So is a key that is not the certificate's.
    let key = fs::read_to_string(folder.path().join("authority.pem")).unwrap();
    let key = &key[key.find("-----BEGIN PRIVATE").unwrap()..];
    let leaf = fs::read_to_string(&third.leaf).unwrap();
    let mixed = format!("{}{key}", &leaf[..leaf.find("-----BEGIN PRIVATE").unwrap()]);
    fs::write(&third.leaf, mixed).unwrap();
    let fourth = ensure(folder.path(), &names, now()).unwrap();
    assert!(matches!(fourth.notices[0], SelfSignedNotice::SetAside(_)));
}

#[test]
fn openssl_accepts_the_chain_and_the_fingerprint_is_the_one_it_shows() {
    let Some(mut openssl) = program("openssl") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let made = ensure(folder.path(), &names(&["localhost"]), SystemTime::now()).unwrap();
    let verified = openssl
        .args(["verify", "-x509_strict", "-purpose", "sslserver", "-CAfile"])
        .args([&made.authority, &made.leaf])
        .output()
        .unwrap();
    assert!(verified.status.success(), "{verified:?}");
    let shown = program("openssl")
        .unwrap()
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
        .arg(&made.authority)
        .output()
        .unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    let (_, digest) = shown.trim().split_once('=').unwrap();
    assert_eq!(digest, made.fingerprint.to_string());
    assert_eq!(digest.parse(), Ok(made.fingerprint));
}

#[tokio::test]
async fn a_client_that_trusts_the_authority_connects_by_name_and_by_address() {
    let folder = tempfile::tempdir().unwrap();
    let names = names(&["localhost", "127.0.0.1"]);
    let made = ensure(folder.path(), &names, SystemTime::now()).unwrap();
    let server = server(vec![CertificateSource {
        names: Vec::new(),
        cert: made.leaf.clone(),
        key: made.leaf,
        demands: TlsDemands::default(),
    }]);
    assert_eq!(server.warnings(SystemTime::now()), []);
    let client = ClientTls::new(&ClientOptions {
        trust: Trust::Only(made.authority),
        ..ClientOptions::default()
    })
    .unwrap();
    for (host, expected) in [("localhost", true), ("127.0.0.1", true), ("a.test", false)] {
        let (accepted, connected) = handshake(&server, &client, host, "127.0.0.1").await;
        assert_eq!(
            (accepted.is_ok(), connected.is_ok()),
            (expected, expected),
            "{host}"
        );
    }
}
