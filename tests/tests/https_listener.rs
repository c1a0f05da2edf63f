//! The HTTP proxy over TLS: certificates from files and of the installation's own, logins, reloads, names, the PAC.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;

use privet_tests::client::{connect, read_all, read_head};
use privet_tests::https::{FILES, OWN, cert, listener, make_certificate, started, through};
use privet_tests::privet::{Sandbox, Setup};
use privet_tests::wait::until;
use privet_tests::{CommandOutput, Origin, Privet, TIMEOUT, curl, program};

fn problem(privet: &Privet, about: &str) -> Option<String> {
    let status = privet.json(&["status"]);
    let problems = status["problems"].as_array().expect("a list").clone();
    let found = problems.iter().find(|problem| problem["about"] == about);
    found.map(|problem| problem["text"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_body_that_the_origin_cuts_short_is_not_complete_for_the_client() {
    let origin = Origin::raw(|mut stream| {
        read_head(&mut stream);
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    });
    let privet = started("DNS:proxy.test");
    let answer = through(&privet, "proxy.test", &cert(&privet), &[&origin.url("/")]);
    assert_eq!(answer.out, "hello");
    assert!([18, 56].contains(&answer.code), "{answer:?}");
}

#[test]
fn users_log_in_over_tls() {
    let origin = Origin::http();
    let sandbox = Sandbox::new();
    make_certificate(sandbox.dir(), "DNS:proxy.test");
    sandbox.write(&format!(
        "{FILES}users = [{{ name = \"alice\", password = \"secret\" }}]\n"
    ));
    let privet = Privet::start_at(sandbox);
    let url = origin.url("/");
    let code = |args: &[&str]| {
        let always = ["-o", "/dev/null", "-w", "%{http_code}"];
        let args = [&always[..], args, &[&url]].concat();
        through(&privet, "proxy.test", &cert(&privet), &args).out
    };
    assert_eq!(code(&[]), "407");
    assert_eq!(code(&["--proxy-user", "alice:wrong"]), "407");
    assert_eq!(code(&["--proxy-user", "alice:secret"]), "200");
    let row = privet.await_row("closed", |row| row["user"] == "alice");
    assert_eq!(row["listener"], "https");
}

#[test]
fn a_name_that_the_certificate_does_not_have_gets_no_handshake() {
    let origin = Origin::http();
    let privet = started("DNS:proxy.test");
    let url = origin.url("/");
    through(&privet, "proxy.test", &cert(&privet), &[&url]).good();
    for name in ["other.test", "127.0.0.1"] {
        let answer = through(&privet, name, &cert(&privet), &["--proxy-insecure", &url]);
        assert_eq!(answer.code, 35, "{name}: {answer:?}");
        assert!(answer.err.contains("unrecognized name"), "{answer:?}");
    }
    privet.await_row("closed", |row| {
        row["error"] == "no certificate is served for other.test"
    });
    assert_eq!(origin.accepted(), 1);
}

#[test]
fn a_changed_certificate_is_taken_and_a_bad_one_leaves_the_old_in_use() {
    let origin = Origin::http();
    let privet = started("DNS:proxy.test");
    let url = origin.url("/");
    let first = privet.sandbox.dir().join("first.pem");
    fs::copy(cert(&privet), &first).expect("the folder takes a file");
    let works = |trust: &Path| through(&privet, "proxy.test", trust, &[&url]).code == 0;
    assert!(works(&first));
    fs::write(cert(&privet), "this is no certificate").expect("the folder takes a file");
    until("the bad certificate is reported", || {
        problem(&privet, "listen:tls").is_some()
    });
    let said = problem(&privet, "listen:tls").expect("it stays");
    assert!(
        said.contains("cert.pem") && said.contains("stays"),
        "{said}"
    );
    assert!(works(&first));
    make_certificate(privet.sandbox.dir(), "DNS:proxy.test");
    until("the new certificate is served", || works(&cert(&privet)));
    assert!(!works(&first));
    until("the problem is gone", || {
        problem(&privet, "listen:tls").is_none()
    });
}

#[test]
fn wrong_certificate_files_are_refused_at_start_and_by_a_reload() {
    let sandbox = Sandbox::new();
    sandbox.write(FILES);
    let mut running = sandbox.run(&Setup::default());
    assert_eq!(running.wait(TIMEOUT).code(), Some(2), "{}", running.log());
    running.await_line("cert.pem cannot be read");
    let config = sandbox.config().display().to_string();
    let checked = sandbox.cli(&["--config", &config, "check"]);
    assert_eq!(checked.code, 2, "{checked:?}");
    assert!(checked.err.contains("cert.pem"), "{checked:?}");
    let privet = started("DNS:proxy.test");
    let text = fs::read_to_string(privet.sandbox.config()).expect("it is there");
    fs::write(privet.sandbox.config(), text.replace("key.pem", "cert.pem")).expect("it is written");
    until("the wrong key is reported", || {
        problem(&privet, "config").is_some()
    });
    let said = problem(&privet, "config").expect("it stays");
    assert!(said.contains("holds no private key"), "{said}");
    let origin = Origin::http();
    through(&privet, "proxy.test", &cert(&privet), &[&origin.url("/")]).good();
}

#[test]
fn a_key_that_others_may_read_is_reported() {
    let privet = started("DNS:proxy.test");
    assert_eq!(problem(&privet, "listen:certificate"), None);
    let mut chmod = Command::new("chmod");
    chmod.arg("644").arg(privet.sandbox.dir().join("key.pem"));
    CommandOutput::of(chmod).good();
    privet.signal(rustix::process::Signal::HUP);
    until("the mode is reported", || {
        problem(&privet, "listen:certificate").is_some_and(|text| text.contains("mode 644"))
    });
}

#[test]
fn a_household_trusts_the_authority_that_privet_made_once() {
    let origin = Origin::http();
    let mut privet = Privet::start(OWN);
    let ca = privet.sandbox.dir().join("data/tls/ca.pem");
    let status = privet.cli(&["status"]).good();
    let authority = listener(&privet)["certificate"]["authority"].clone();
    let fingerprint = authority["fingerprint"]
        .as_str()
        .expect("a text")
        .to_owned();
    assert!(status.contains(&fingerprint), "{status}");
    assert_eq!(authority["path"], ca.display().to_string());
    let mut openssl =
        Command::new(program("openssl").expect("openssl is installed wherever curl is"));
    openssl
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
        .arg(&ca);
    let shown = CommandOutput::of(openssl).good();
    assert!(shown.contains(&fingerprint), "{shown}");
    for name in ["127.0.0.1", "localhost"] {
        through(&privet, name, &ca, &[&origin.url("/")]).good();
    }
    let download = curl(&[
        "--noproxy",
        "*",
        &format!("http://{}/ca.pem", privet.sandbox.pac),
    ])
    .good();
    assert_eq!(download, fs::read_to_string(&ca).expect("it is there"));
    // A torn file is set aside; the authority stays.
    let leaf = privet.sandbox.dir().join("data/tls/leaf.pem");
    privet.restart_after(|| fs::write(&leaf, "torn").expect("it is written"));
    through(&privet, "localhost", &ca, &[&origin.url("/")]).good();
    let again = listener(&privet)["certificate"]["authority"]["fingerprint"].clone();
    assert_eq!(again, fingerprint);
    assert!(leaf.with_extension("pem.corrupt").exists());
}

#[test]
fn a_dry_run_makes_no_certificate() {
    let privet = Privet::start("");
    let https = [privet.sandbox.http.to_string()];
    let body = serde_json::json!({ "listen": { "https": https, "tls": { "self_signed": true } } });
    let (status, answer) = privet.api("PATCH", "config?dry_run=true", Some(&body));
    assert_eq!(status, 200, "{answer:#}");
    assert!(!privet.sandbox.dir().join("data/tls").exists());
}

#[test]
fn the_pac_names_the_proxy_over_tls_where_it_is_the_only_one_or_chosen() {
    let fetch = |privet: &Privet, query: &str| {
        let url = format!("http://{}/proxy.pac{query}", privet.sandbox.pac);
        curl(&["--noproxy", "*", &url]).good()
    };
    let only = Privet::start(OWN);
    let https = format!("\"HTTPS {}", only.sandbox.http);
    assert!(fetch(&only, "").contains(&https));
    assert!(!fetch(&only, "").contains("PROXY 127"));
    let both = Privet::start(&OWN.replace("https", "mixed = [\"$MIXED\"]\nhttps"));
    let https = format!("\"HTTPS {}", both.sandbox.http);
    assert!(fetch(&both, "").contains(&format!("\"PROXY {}", both.sandbox.mixed)));
    assert!(fetch(&both, "?listener=https").contains(&https));
    let wrong = curl(&[
        "--noproxy",
        "*",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        &format!("http://{}/proxy.pac?listener=ftp", both.sandbox.pac),
    ]);
    assert_eq!(wrong.good(), "400");
    // A certificate without the address is reached by its name.
    let sandbox = Sandbox::new();
    make_certificate(sandbox.dir(), "DNS:proxy.test");
    sandbox.write(&FILES.replace("pac = \"\"", "pac = \"$PAC\""));
    let named = Privet::start_at(sandbox);
    let port = named.sandbox.http.port();
    assert!(fetch(&named, "").contains(&format!("\"HTTPS proxy.test:{port}")));
}

#[test]
fn clients_without_tls_are_told_and_silent_ones_closed() {
    let sandbox = Sandbox::new();
    make_certificate(sandbox.dir(), "DNS:proxy.test");
    sandbox.write(&format!(
        "{FILES}[listen.limits]\nhandshake_timeout = \"300ms\"\n"
    ));
    let privet = Privet::start_at(sandbox);
    let mut plain = connect(privet.sandbox.http);
    plain
        .write_all(b"GET http://a.test/ HTTP/1.1\r\n\r\n")
        .expect("open");
    let answer = String::from_utf8_lossy(&read_all(&mut plain)).into_owned();
    assert!(
        answer.starts_with("HTTP/1.1 400 ") && answer.contains("https://"),
        "{answer}"
    );
    let mut socks = connect(privet.sandbox.http);
    socks.write_all(&[5, 1, 0]).expect("open");
    assert_eq!(read_all(&mut socks), b"");
    // Neither silence nor half a hello holds a connection longer than the limit.
    for bytes in [&[][..], &[22, 3, 1, 2, 0, 1]] {
        let mut silent = connect(privet.sandbox.http);
        silent.write_all(bytes).expect("open");
        assert_eq!(silent.read(&mut [0]).ok(), Some(0));
    }
}
