//! Sites over TLS.

use privet_tests::peers::Certificate;
use privet_tests::{Privet, require, reserve};

use crate::support::echo;

#[test]
fn a_site_over_tls_speaks_both_versions_and_refuses_other_names() {
    let certificate = require!(Certificate::new());
    let backend = echo();
    let listen = reserve();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    for name in ["cert.pem", "key.pem"] {
        std::fs::copy(certificate.both(), file(name)).unwrap();
    }
    let text = format!(
        "[[site]]\nname = \"app\"\nlisten = [\"{listen}\"]\nhosts = [\"localhost\", \"127.0.0.1\"]\n\
         tls = {{ cert = \"{}\", key = \"{}\" }}\n[[site.backend]]\nurl = \"{}\"\n",
        file("cert.pem").display(),
        file("key.pem").display(),
        backend.url()
    );
    let privet = Privet::start(&text);
    let port = listen.port();
    let ca = certificate.ca().display().to_string();
    let get = |version: &str, host: &str| {
        let to = format!("{host}:{port}:127.0.0.1");
        let url = format!("https://{host}:{port}/x");
        privet_tests::curl(&[
            "--cacert",
            &ca,
            version,
            "--resolve",
            &to,
            "-w",
            "\n%{http_version}",
            &url,
        ])
    };
    for (version, shown) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let answer = get(version, "localhost").good();
        assert!(answer.ends_with(shown), "{answer}");
        assert!(answer.contains("X-Forwarded-Proto: https\r\n"), "{answer}");
        assert!(
            answer.contains(&format!("Host: localhost:{port}\r\n")),
            "{answer}"
        );
    }
    let by_address = format!("https://127.0.0.1:{port}/x");
    privet_tests::curl(&["--cacert", &ca, &by_address]).good();
    // No handshake for a name that no site has.
    assert_eq!(get("--http2", "other.test").code, 35);
    // On a connection for one name a request for another is misdirected.
    let url = format!("https://localhost:{port}/x");
    let args = [
        "--cacert",
        &ca,
        "-H",
        "Host: other.test",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        &url,
    ];
    assert_eq!(privet_tests::curl(&args).good(), "421");

    // A file that cannot be used leaves the certificate in use.
    std::fs::write(file("cert.pem"), "nonsense").unwrap();
    privet.await_api("status", |status| {
        let problems = status["problems"].as_array();
        problems.is_some_and(|all| all.iter().any(|problem| problem["about"] == "site:tls"))
    });
    assert!(get("--http2", "localhost").good().ends_with('2'));
    let file_path = privet.sandbox.config().display().to_string();
    let checked = privet.cli(&["check", "--config", &file_path]);
    assert_eq!(checked.code, 2, "{checked:?}");
    std::fs::copy(certificate.both(), file("cert.pem")).unwrap();
    privet.await_api("status", |status| {
        let problems = status["problems"].as_array();
        problems.is_some_and(|all| all.iter().all(|problem| problem["about"] != "site:tls"))
    });
}
