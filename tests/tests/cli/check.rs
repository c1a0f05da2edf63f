//! `privet check`: what it finds in a file, and what a changed one would do.

use privet_tests::privet::{Sandbox, Setup};
use privet_tests::{Origin, Privet, TIMEOUT};
use serde_json::Value;

use super::support::*;

#[test]
fn check_prints_ok_or_each_error_with_its_fix() {
    let sandbox = Sandbox::new();
    sandbox.write("mode = \"strict\"\n");
    assert_eq!(check(&sandbox, &[]).code, 0);
    sandbox.write("mode = \"standard\"\nmoed = \"x\"\n[lisen]\n");
    let bad = check(&sandbox, &[]);
    assert_eq!(bad.code, 2);
    assert!(bad.err.contains("privet.toml:2:1"), "{}", bad.err);
    assert!(
        bad.err.contains("privet.toml:3:2") && bad.err.contains("listen"),
        "{}",
        bad.err
    );
    let report = check(&sandbox, &["--json"]);
    assert_eq!(report.code, 2);
    let report: Value = serde_json::from_str(&report.out).expect("JSON on standard output");
    assert_eq!(
        (&report["ok"], &report["diagnostics"][0]["line"]),
        (&false.into(), &2.into())
    );
}

#[test]
fn a_changed_file_is_replayed_on_recorded_connections_before_it_is_used() {
    let privet = Privet::start("");
    let origin = Origin::http();
    let proxy = format!("http://{}", privet.proxy());
    for _ in 0..3 {
        privet_tests::curl(&["-x", &proxy, &origin.url("/")]).good();
    }
    privet.await_row("closed", |row| row["port"] == origin.port());
    let other = privet.sandbox.dir().join("other.toml");
    let mixed = privet.proxy();
    let text = format!(
        "[listen]\nmixed = [\"{mixed}\"]\npac = \"\"\n[[rule]]\nmatch = {{ ip = [\"127.0.0.0/8\"] }}\nuse = \"block\"\n"
    );
    std::fs::write(&other, text).expect("the folder takes a file");
    let file = other.display().to_string();
    let report = privet.json(&["check", "--replay", "--config", &file]);
    assert_eq!(report["applied"], false);
    assert_eq!(
        report["replay"]["newly_blocked"], report["replay"]["total"],
        "{report:#}"
    );
    assert!(
        report["replay"]["total"]
            .as_u64()
            .is_some_and(|total| total > 0),
        "{report:#}"
    );
    let output = privet.cli(&["check", "--replay", "--config", &file]).good();
    assert!(output.contains("would have gone differently"), "{output}");
    privet_tests::curl(&["-x", &proxy, &origin.url("/")]).good();
}

#[test]
fn check_answers_as_serve_would() {
    let place = Sandbox::new();
    let upstream = "[[upstream]]\nname = \"office\"\nurl = \"https://127.0.0.1:1\"\n";
    for (more, named, line) in [
        (
            "username = \"u\"\npassword = { env = \"PRIVET_TEST_UNSET\" }\n",
            "PRIVET_TEST_UNSET",
            5,
        ),
        (
            "username = \"u\"\npassword = { file = \"no-such-file\" }\n",
            "no-such-file",
            5,
        ),
        ("ca = \"no-such-ca.pem\"\n", "no-such-ca.pem", 4),
    ] {
        place.write(&format!("{upstream}{more}"));
        let checked = check(&place, &[]);
        assert_eq!(checked.code, 2, "{checked:?}");
        assert!(checked.err.contains(named), "{checked:?}");
        let at = format!("privet.toml:{line}:");
        assert!(checked.err.contains(&at), "{at} in {checked:?}");
        let mut serve = place.run(&Setup::default());
        assert!(!serve.wait(TIMEOUT).success());
        assert!(serve.log().contains(named), "{}", serve.log());
    }
    // What has no effect yet is a warning of both.
    place.write("[[rule]]\nmatch = { port = [1] }\nuse = \"ask\"\n");
    let checked = check(&place, &[]);
    let said = format!("{}{}", checked.out, checked.err);
    assert!(
        checked.code == 0 && said.contains("not served"),
        "{checked:?}"
    );
    let serve = place.run(&Setup::default());
    serve.await_line("not served");
    serve.await_line("Ctrl-C");
}

#[test]
fn a_configuration_file_that_was_named_has_to_exist() {
    let place = Sandbox::new();
    let missing = place.dir().join("typo.toml").display().to_string();
    for command in ["serve", "agent", "check", "doctor"] {
        let refused = place.cli(&[command, "--config", &missing]);
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(
            refused.err.contains("typo.toml") && refused.err.contains("--default"),
            "{refused:?}"
        );
    }
    let taken = place.cli(&["check", "--config", &missing, "--default"]);
    assert!(
        taken.clone().good().contains("the defaults hold"),
        "{taken:?}"
    );
}
