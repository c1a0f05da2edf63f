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

/// Faulty configurations: what is said, and the line that is named (0: none).
const FAULTS: &[(&str, &str, usize)] = &[
    ("mode = \"nowhere\"\n", "nowhere", 1),
    ("[listen\n", "privet.toml:1", 1),
    ("[listen]\nmixde = []\n", "mixde", 2),
    (
        "[[upstream]]\nname = \"office\"\nurl = \"https://127.0.0.1:1\"\nusername = \"u\"\n\
         password = { env = \"PRIVET_TEST_UNSET\" }\n",
        "PRIVET_TEST_UNSET",
        5,
    ),
    (
        "[[upstream]]\nname = \"office\"\nurl = \"https://127.0.0.1:1\"\nusername = \"u\"\n\
         password = { file = \"no-such-file\" }\n",
        "no-such-file",
        5,
    ),
    (
        "[[upstream]]\nname = \"office\"\nurl = \"https://127.0.0.1:1\"\nca = \"no-such-ca.pem\"\n",
        "no-such-ca.pem",
        4,
    ),
    (
        "[[upstream]]\nname = \"office\"\nurl = \"https://127.0.0.1:1\"\nusername = \"u\"\n\
         password = { file = \"fifo\" }\n",
        "is not a regular file",
        5,
    ),
    (
        "[[upstream]]\nname = \"office\"\nurl = \"https://127.0.0.1:1\"\nca = \"fifo\"\n",
        "is not a regular file",
        4,
    ),
    (
        "[listen]\nhttps = [\"$HTTP\"]\ntls = { cert = \"fifo\", key = \"fifo\" }\n",
        "is not a regular file",
        3,
    ),
    (
        "[listen]\nusers = [{ name = \"ann\", password = { env = \"PRIVET_TEST_UNSET\" } }]\n",
        "PRIVET_TEST_UNSET",
        2,
    ),
    (
        "[listen]\nhttps = [\"$HTTP\"]\ntls = { cert = \"no-such-cert.pem\", key = \"no-such-key.pem\" }\n",
        "no-such-cert.pem",
        3,
    ),
    (
        "[listen]\nhttps = [\"$HTTP\"]\ntls = { cert = \"privet.toml\", key = \"privet.toml\" }\n",
        "privet.toml",
        3,
    ),
    (
        "[listen]\nhttps = [\"$HTTP\"]\ntls = { cert = \".\", key = \".\" }\n",
        "[listen] tls",
        0,
    ),
    (
        "[[site]]\nname = \"app\"\nhosts = [\"a.test\"]\nlisten = [\"$HTTP\"]\n\
         tls = { cert = \"no-such-cert.pem\", key = \"no-such-key.pem\" }\n\
         [[site.backend]]\nurl = \"http://127.0.0.1:1\"\n",
        "no-such-cert.pem",
        5,
    ),
    (
        "[inspect]\nenabled = true\nhosts = [\"a.test\"]\ntrust = [\"no-such-ca.pem\"]\n",
        "no-such-ca.pem",
        4,
    ),
    (
        "[cache]\nshared = true\n[cache.redis]\naddress = \"tls:127.0.0.1:1\"\nca = \"no-such-redis-ca.pem\"\n",
        "no-such-redis-ca.pem",
        5,
    ),
    (
        "[cache]\nshared = true\n[cache.redis]\naddress = \"tls:127.0.0.1:1\"\nca = \"fifo\"\n",
        "is not a regular file",
        5,
    ),
    (
        "[[site]]\nname = \"app\"\nhosts = [\"a.test\"]\nlisten = [\"$HTTP\"]\n\
         [[site.backend]]\nurl = \"ws://127.0.0.1:1\"\n",
        "h2c",
        6,
    ),
    (
        "[[upstream]]\nname = \"office\"\nurl = \"http://127.0.0.1:1/path\"\n",
        "has no path",
        3,
    ),
];

#[test]
fn serve_and_check_answer_every_fault_with_the_same_code_and_words() {
    let place = Sandbox::new();
    make_fifo(&place.dir().join("fifo"));
    for (text, named, line) in FAULTS {
        place.write(text);
        let checked = check(&place, &[]);
        assert_eq!(checked.code, 2, "{text}: {checked:?}");
        assert!(checked.err.contains(named), "{text}: {checked:?}");
        let at = format!("privet.toml:{line}:");
        assert!(
            *line == 0 || checked.err.contains(&at),
            "{at} in {checked:?}"
        );
        let mut serve = place.run(&Setup::default());
        assert_eq!(serve.wait(TIMEOUT).code(), Some(2), "{text}");
        for said in checked.err.lines() {
            serve.await_line(said);
        }
    }
}

/// Configurations that are used although something in them may be a mistake: what is said, and the line that is named.
const DOUBTS: &[(&str, &str, usize)] = &[
    (
        "[[filter.list]]\nname = \"ads\"\nsource = \"lists/none.txt\"\n",
        "none.txt cannot be read",
        3,
    ),
    (
        "[scan]\nenabled = true\nrules = [\"rules/*.yar\"]\n",
        "no file matches it",
        3,
    ),
    (
        "[[site]]\nname = \"app\"\nhosts = [\"a.test\"]\nlisten = [\"$HTTP\"]\n\
         [[site.backend]]\nurl = \"http://127.0.0.1:1\"\nweight = 0\n",
        "weight 0",
        1,
    ),
];

#[test]
fn check_names_the_line_of_what_may_be_a_mistake() {
    let place = Sandbox::new();
    for (text, named, line) in DOUBTS {
        place.write(text);
        let checked = check(&place, &[]);
        assert_eq!(checked.code, 0, "{text}: {checked:?}");
        let at = format!("privet.toml:{line}:");
        let said = checked
            .out
            .lines()
            .any(|it| it.contains(&at) && it.contains(named));
        assert!(said, "{at} {named}: {checked:?}");
    }
}

fn make_fifo(path: &std::path::Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.expect("mkfifo is there").success());
}

#[test]
fn a_configuration_that_is_no_regular_file_is_refused_at_once() {
    let place = Sandbox::new();
    let fifo = place.dir().join("fifo");
    make_fifo(&fifo);
    for path in [
        fifo.as_path(),
        place.dir(),
        std::path::Path::new("/dev/zero"),
    ] {
        let path = path.display().to_string();
        for command in ["check", "serve"] {
            let refused = place.cli(&[command, "--config", &path]);
            assert_eq!(refused.code, 2, "{refused:?}");
            assert!(
                refused.err.contains("is not a regular file"),
                "{command} {path}: {refused:?}"
            );
        }
    }
}

#[test]
fn serve_and_check_both_warn_of_what_has_no_effect_yet() {
    let place = Sandbox::new();
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
