//! What is inspected is decided by the policy: off, reloads, rules for programs, the trace.

use privet_tests::{Origin, Privet};

use crate::support::{Certificates, Scene, authority, fetch, https_origin, inspecting};

#[test]
fn inspection_is_off_by_default_and_a_reload_turns_it_on_and_off() {
    let certificates = Certificates::make();
    let backend = Origin::http();
    let (_origin, port) = https_origin(&certificates, backend.address);
    let privet = Privet::start("");
    let own = certificates.path("ca.pem");
    let url = format!("https://localhost:{port}/bytes/7");
    let args = ["-o", "/dev/null", "-w", "%{size_download}", &url];
    assert_eq!(fetch(&privet, &own, &args).good(), "7");
    let row = privet.await_row("closed", |row| row["host"] == "localhost");
    assert!(row.get("inspection").is_none(), "{row:#}");
    assert_eq!(privet.api("GET", "status", None).1["inspection"], false);
    assert!(
        !privet
            .sandbox
            .dir()
            .join("data/tls/inspection.pem")
            .exists()
    );
    privet.sandbox.write(&inspecting(&certificates, ""));
    privet.await_api("status", |status| status["inspection"] == true);
    let ca = authority(&privet);
    assert_eq!(fetch(&privet, &ca, &args).good(), "7");
    privet.sandbox.write("");
    privet.await_api("status", |status| status["inspection"] == false);
    assert_eq!(fetch(&privet, &own, &args).good(), "7");
    // The authority stays the same.
    privet.sandbox.write(&inspecting(&certificates, ""));
    privet.await_api("status", |status| status["inspection"] == true);
    assert_eq!(fetch(&privet, &ca, &args).good(), "7");
}

#[test]
fn the_authority_lasts_over_restarts_and_only_its_owner_reads_its_key() {
    use std::os::unix::fs::PermissionsExt;
    let certificates = Certificates::make();
    let mut privet = Privet::start(&inspecting(&certificates, ""));
    let before = std::fs::read_to_string(authority(&privet)).expect("a file");
    privet.restart();
    let after = std::fs::read_to_string(authority(&privet)).expect("a file");
    assert_eq!(before, after);
    let secret = privet.sandbox.dir().join("data/tls/inspection.pem");
    let mode = std::fs::metadata(&secret)
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let kept = std::fs::read_to_string(&secret).expect("a file");
    let (_, shown) = privet.api("GET", "inspect", None);
    assert_eq!(shown["ca"]["key_storage"], "file", "{shown:#}");
    let key = kept.split("PRIVATE KEY-----").nth(1).expect("a key").trim();
    assert!(
        !shown
            .to_string()
            .contains(key.lines().next().expect("a line"))
    );
}

#[test]
fn a_rule_keeps_a_program_from_being_inspected_and_the_trace_says_so() {
    let rule = "[[rule]]\nmatch = { app = [\"curl\"] }\nuse = \"direct\"\ninspect = false\n";
    let scene = Scene::http(rule);
    let (certificates, privet, port) = (&scene.certificates, &scene.privet, scene.port);
    let own = certificates.path("ca.pem");
    let url = format!("https://localhost:{port}/bytes/7");
    let args = ["-o", "/dev/null", "-w", "%{size_download}", &url];
    assert_eq!(fetch(privet, &own, &args).good(), "7");
    let row = privet.await_row("closed", |row| row["inspection"] == "untouched");
    assert_eq!(row["inspection_why"], "the rule has inspect = false");
    let target = format!("localhost:{port}");
    let why = privet.cli(&["why", "--app", "curl", &target]).out;
    assert!(
        why.contains("has inspect = false: HTTPS passes untouched"),
        "{why}"
    );
    let why = privet.cli(&["why", "--app", "firefox", &target]).out;
    assert!(why.contains("`localhost` is in [inspect] hosts"), "{why}");
    let shipped = privet.cli(&["why", "www.paypal.com:443"]).out;
    assert!(
        shipped.contains("inspect: `hosts` does not name it"),
        "{shipped}"
    );
}
