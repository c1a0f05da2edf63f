//! The certificate of an origin is judged before ours is shown: what is wrong is a page of ours, never a silent pass.

use privet_tests::{Origin, Privet};

use crate::support::{
    Certificates, assert_fault, authority, fetch, https_origin, inspecting, openssl_origin,
};

#[test]
fn each_bad_certificate_gets_a_page_that_says_what_is_wrong() {
    let certificates = Certificates::make();
    let privet = Privet::start(&inspecting(&certificates, ""));
    let ca = authority(&privet);
    for (name, code, sentence) in [
        ("expired", "expired", "it expired on 2021-01-01"),
        (
            "early",
            "not-yet-valid",
            "it is not valid before 2080-01-01",
        ),
        ("wrong", "wrong-name", "it is for another name: other.test"),
        ("stranger", "untrusted", "it is signed by a stranger"),
        ("self", "self-signed", "it is self-signed"),
        ("sha1", "weak-signature", "it is signed with SHA-1"),
        ("short", "weak-key", "RSA with 1024 bits"),
    ] {
        let origin = openssl_origin(&certificates, name, &[]);
        let url = format!("https://localhost:{}/", origin.port);
        // The second time the verdict is remembered.
        for version in ["--http2", "--http1.1"] {
            let page = fetch(&privet, &ca, &["-i", version, &url]).good();
            assert_fault(&page, code, sentence);
        }
        let port = u64::from(origin.port);
        let row = privet.await_row("closed", |row| row["port"] == port);
        assert_eq!(row["end"], "failed", "{row:#}");
        assert!(
            row["error"]
                .as_str()
                .is_some_and(|text| text.contains(sentence)),
            "{row:#}"
        );
        assert_eq!(row["inspection"], "refused", "{row:#}");
        assert_eq!(row["inspection_why"], row["error"], "{row:#}");
    }
    let log = privet.log();
    assert!(!log.contains("rustls_platform_verifier"), "{log}");
    let inspection = privet.json(&["inspect"]);
    assert_eq!(
        inspection["counts"]["bad_certificates"], 14,
        "{inspection:#}"
    );
    assert_eq!(inspection["counts"]["inspected"], 0);
}

#[test]
fn an_origin_that_cannot_be_reached_gets_a_page_inside_the_tunnel() {
    let certificates = Certificates::make();
    let privet = Privet::start(&inspecting(&certificates, ""));
    let ca = authority(&privet);
    let nobody = privet_tests::reserve();
    let url = format!("https://localhost:{}/", nobody.port());
    let page = fetch(&privet, &ca, &["-i", &url]).good();
    assert!(page.contains(" 502"), "{page}");
    assert!(
        page.to_lowercase()
            .contains("privet-reason: connection refused"),
        "{page}"
    );
}

#[test]
fn what_the_inspection_authority_signed_is_not_accepted_from_an_origin() {
    let certificates = Certificates::make();
    let privet = Privet::start(&inspecting(&certificates, ""));
    authority(&privet);
    // The key is in a file, since this session has no keyring.
    let secret = privet.sandbox.dir().join("data/tls/inspection.pem");
    let script = "set -e
        openssl req -newkey rsa:2048 -nodes -keyout forged.key -out forged.csr -subj /CN=forged
        printf 'subjectAltName=DNS:localhost\\n' > forged.ext
        openssl x509 -req -in forged.csr -CA \"$0\" -CAkey \"$0\" -out forged.pem -days 5 -extfile forged.ext";
    let mut command = std::process::Command::new("sh");
    command
        .arg("-c")
        .arg(script)
        .arg(&secret)
        .current_dir(certificates.path(""));
    privet_tests::CommandOutput::of(command).good();
    // Even where it is trusted by name.
    let trusting = format!(
        "[inspect]\nenabled = true\nhosts = [\"localhost\"]\ntrust = [\"{}\"]\n",
        secret.display()
    );
    privet.sandbox.write(&trusting);
    privet.await_api("config", |config| {
        config["inspect"]["trust"]
            .to_string()
            .contains("inspection.pem")
    });
    let ca = authority(&privet);
    let origin = openssl_origin(&certificates, "forged", &[]);
    let url = format!("https://localhost:{}/", origin.port);
    let page = fetch(&privet, &ca, &["-i", &url]).good();
    assert_fault(&page, "own-authority", "it is signed by this installation");
}

#[test]
fn a_host_that_asks_for_a_client_certificate_passes_untouched() {
    let certificates = Certificates::make();
    let privet = Privet::start(&inspecting(&certificates, ""));
    let ca = authority(&privet);
    let trust = certificates.text("ca.pem");
    let origin = openssl_origin(&certificates, "good", &["-Verify", "1", "-CAfile", &trust]);
    let url = format!("https://localhost:{}/", origin.port);
    let (cert, key) = (certificates.text("good.pem"), certificates.text("good.key"));
    let own = certificates.path("ca.pem");
    for _ in 0..2 {
        let page = fetch(&privet, &own, &["--cert", &cert, "--key", &key, &url]).good();
        assert!(page.contains("s_server"), "{page}");
    }
    let row = privet.await_row("closed", |row| row["inspection"] == "untouched");
    assert_eq!(
        row["inspection_why"],
        "the host asks for a certificate of the client"
    );
    let inspection = privet.json(&["inspect"]);
    let exception = &inspection["exceptions"][0];
    assert_eq!(exception["host"], "localhost", "{inspection:#}");
    assert_eq!(exception["reason"], "client-certificate");
    let why = privet
        .cli(&["why", &format!("localhost:{}", origin.port)])
        .out;
    assert!(
        why.contains("it passes untouched: the host asks for a certificate"),
        "{why}"
    );
    // Once that is ended, and the host asks for none, it is inspected.
    privet.cli(&["inspect", "retry", "localhost"]).good();
    let backend = Origin::http();
    let (_origin, port) = https_origin(&certificates, backend.address);
    let url = format!("https://localhost:{port}/bytes/5");
    let args = ["-o", "/dev/null", "-w", "%{size_download}", &url];
    assert_eq!(fetch(&privet, &ca, &args).good(), "5");
}
