//! Who trusts the authority is measured, and changed where that needs no other rights.

use std::path::Path;
use std::process::Command;

use privet_tests::desktop::Desktop;
use privet_tests::keyring::Keyring;
use privet_tests::privet::Setup;
use privet_tests::{CommandOutput, Origin, Privet, program, require};
use serde_json::Value;

use crate::support::{Certificates, https_origin, inspecting};

fn store<'a>(inspection: &'a Value, kind: &str, part: &str) -> &'a Value {
    let stores = inspection["stores"].as_array().expect("stores");
    let found = stores.iter().find(|store| {
        store["kind"] == kind
            && store["path"]
                .as_str()
                .is_some_and(|path| path.contains(part))
    });
    found.unwrap_or_else(|| panic!("no {kind} with {part}: {inspection:#}"))
}

#[test]
fn the_authoritys_key_moves_to_the_keyring_and_is_used_from_there() {
    let desktop = require!(Desktop::start());
    let keyring = require!(Keyring::start(&desktop));
    let setup = Setup {
        env: desktop.env(),
        ..Setup::default()
    };
    let on = "[inspect]\nenabled = true\nhosts = [\"localhost\"]\n";
    let mut privet = Privet::start_as(on, &setup);
    let shown = privet.await_api("inspect", |shown| shown["ca"]["key_storage"] == "keyring");
    let kept = keyring.read(&desktop, "inspection-authority");
    assert!(kept.contains("PRIVATE KEY"));
    let file = privet.sandbox.dir().join("data/tls/inspection.pem");
    privet.await_api("status", |_| !file.exists());
    let pem = shown["ca"]["pem"].as_str().expect("a certificate");
    assert!(kept.contains(pem.trim()));
    assert!(!shown.to_string().contains("PRIVATE"));
    // The next start takes it from there.
    privet.restart_as(&setup);
    assert_eq!(privet.api("GET", "inspect", None).1["ca"]["pem"], pem);
    assert!(!file.exists());
}

fn make_profile(certutil: &Path, folder: &Path) {
    std::fs::create_dir_all(folder).expect("the folder takes a folder");
    let mut command = Command::new(certutil);
    command.args([
        "-N",
        "--empty-password",
        "-d",
        &format!("sql:{}", folder.display()),
    ]);
    CommandOutput::of(command).good();
}

#[test]
fn browsers_stores_are_measured_trusted_and_left_clean() {
    let certutil = require!(program("certutil"));
    let home = tempfile::tempdir().expect("a temporary folder");
    let profile = home.path().join(".mozilla/firefox/abc.default");
    make_profile(&certutil, &profile);
    let setup = Setup {
        env: vec![("HOME".into(), home.path().display().to_string())],
        ..Setup::default()
    };
    let privet = Privet::start_as("", &setup);
    assert_eq!(privet.json(&["inspect"])["ca"], Value::Null);
    let made = privet.cli(&["inspect", "ca"]).good();
    let before = privet.json(&["inspect"]);
    for part in ["nssdb", "abc.default"] {
        assert_eq!(store(&before, "nss", part)["trusted"], false, "{before:#}");
    }
    privet.cli(&["inspect", "trust", "--store", "nss"]).good();
    let after = privet.json(&["inspect"]);
    for part in ["nssdb", "abc.default"] {
        assert_eq!(store(&after, "nss", part)["trusted"], true, "{after:#}");
    }
    // What certutil itself says.
    let database = format!("sql:{}", profile.display());
    let name = after["ca"]["subject"].as_str().expect("a name");
    let mut command = Command::new(&certutil);
    command.args(["-L", "-d", &database, "-n", name, "-a"]);
    let kept = CommandOutput::of(command).good().replace("\r\n", "\n");
    assert_eq!(kept.trim(), made.trim());
    // A person takes the trust back without Privet: that is measured too.
    let mut command = Command::new(&certutil);
    command.args(["-M", "-d", &database, "-n", name, "-t", ",,"]);
    CommandOutput::of(command).good();
    assert_eq!(
        store(&privet.json(&["inspect"]), "nss", "abc.default")["trusted"],
        false
    );
    privet.cli(&["inspect", "trust", "--store", "nss"]).good();
    privet.cli(&["inspect", "untrust", "--store", "nss"]).good();
    let left = privet.json(&["inspect"]);
    for part in ["nssdb", "abc.default"] {
        assert_eq!(store(&left, "nss", part)["trusted"], false, "{left:#}");
    }
    let mut command = Command::new(&certutil);
    command.args(["-L", "-d", &database]);
    assert!(!CommandOutput::of(command).good().contains("Privet"));
}

#[test]
fn java_stores_are_measured_and_changed_where_they_can_be_written() {
    let keytool = require!(program("keytool"));
    let java = tempfile::tempdir().expect("a temporary folder");
    let folder = java.path().join("lib/security");
    std::fs::create_dir_all(&folder).expect("the folder takes a folder");
    let cacerts = folder.join("cacerts");
    let path = cacerts.display().to_string();
    let mut command = Command::new(&keytool);
    command.args([
        "-genkeypair",
        "-alias",
        "x",
        "-keyalg",
        "EC",
        "-dname",
        "CN=x",
    ]);
    command.args([
        "-keystore",
        &path,
        "-storepass",
        "changeit",
        "-keypass",
        "changeit",
    ]);
    CommandOutput::of(command).good();
    let setup = Setup {
        env: vec![
            ("HOME".into(), java.path().display().to_string()),
            ("JAVA_HOME".into(), java.path().display().to_string()),
        ],
        ..Setup::default()
    };
    let privet = Privet::start_as("", &setup);
    privet.cli(&["inspect", "ca"]).good();
    let trusted = || store(&privet.json(&["inspect"]), "java", "cacerts")["trusted"].clone();
    assert_eq!(trusted(), false);
    privet.cli(&["inspect", "trust", "--store", "java"]).good();
    assert_eq!(trusted(), true);
    privet
        .cli(&["inspect", "untrust", "--store", "java"])
        .good();
    assert_eq!(trusted(), false);
    let unknown = privet.cli(&["inspect", "trust", "--store", "nowhere"]);
    assert_eq!(unknown.code, 1, "{unknown:?}");
}

/// Starts the arguments with copies of /etc and of the folder of local authorities in their places, in a mount namespace of its
/// own: the stores of this machine stay as they are.
const OWN_STORES: &str = "set -e
    copy=$1
    shift
    mkdir -p \"$copy/local\"
    cp -a /etc \"$copy/etc\"
    mount --bind \"$copy/etc\" /etc
    mount --bind \"$copy/local\" /usr/local/share/ca-certificates
    test \"$(stat -c %i /etc)\" = \"$(stat -c %i \"$copy/etc\")\"
    exec \"$@\"";

#[test]
fn the_systems_store_is_changed_by_root_and_left_clean() {
    require!(program("update-ca-certificates"));
    let unshare = require!(program("unshare"));
    let mut command = Command::new(&unshare);
    command.args(["--mount", "true"]);
    if CommandOutput::of(command).code != 0 {
        privet_tests::missing("no mount namespaces: not root");
        return;
    }
    let before = std::fs::read("/etc/ssl/certs/ca-certificates.crt").expect("a store");
    let certificates = Certificates::make();
    let backend = Origin::http();
    let (_origin, port) = https_origin(&certificates, backend.address);
    let home = tempfile::tempdir().expect("a temporary folder");
    let copy = home.path().join("stores").display().to_string();
    std::fs::create_dir(&copy).expect("the folder takes a folder");
    let prefix = [
        &*unshare.display().to_string(),
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        OWN_STORES,
        "sh",
        &copy,
    ];
    let setup = Setup {
        prefix: prefix.map(str::to_owned).to_vec(),
        env: vec![
            ("HOME".into(), home.path().display().to_string()),
            ("PRIVET_TRUST_STORES".into(), "all".into()),
        ],
        ..Setup::default()
    };
    let privet = Privet::start_as(&inspecting(&certificates, ""), &setup);
    privet.cli(&["inspect", "ca"]).good();
    let trusted =
        || store(&privet.json(&["inspect"]), "system", "ca-certificates")["trusted"].clone();
    assert_eq!(trusted(), false);
    // As any program of that system that is given no authority.
    let url = format!("https://localhost:{port}/bytes/7");
    let fetch = || {
        let mut command = Command::new("nsenter");
        command.arg(format!("--mount=/proc/{}/ns/mnt", privet.pid()));
        command.args([
            "curl",
            "-q",
            "-sS",
            "--max-time",
            "30",
            "--noproxy",
            "",
            "--proxy",
        ]);
        command.arg(format!("http://{}", privet.proxy()));
        command.args(["-o", "/dev/null", "-w", "%{size_download}", &url]);
        CommandOutput::of(command)
    };
    privet
        .cli(&["inspect", "trust", "--store", "system"])
        .good();
    assert_eq!(trusted(), true);
    assert_eq!(fetch().good(), "7");
    privet
        .cli(&["inspect", "untrust", "--store", "system"])
        .good();
    assert_eq!(trusted(), false);
    assert_eq!(fetch().code, 60);
    let left = std::fs::read_dir(format!("{copy}/local")).expect("a folder");
    assert_eq!(left.count(), 0);
    let links = std::fs::read_dir(format!("{copy}/etc/ssl/certs")).expect("a folder");
    let ours = links
        .filter_map(Result::ok)
        .filter(|link| link.file_name().to_string_lossy().contains("privet"));
    assert_eq!(ours.count(), 0);
    let after = std::fs::read("/etc/ssl/certs/ca-certificates.crt").expect("a store");
    assert!(before == after, "the store of this machine was changed");
}
