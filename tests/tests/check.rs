//! What `privet check` says of a configuration.

use std::path::Path;

use privet_tests::privet::Sandbox;

#[test]
fn check_names_line_column_cause_and_the_nearest_name() {
    let sandbox = Sandbox::new();
    let wrong = [
        ("mode = \"standrad\"\n", 1, "standard"),
        ("[listen]\nmixd = []\n", 2, "mixed"),
        (
            "[[rule]]\nmatch = { prot = [80] }\nuse = \"direct\"\n",
            2,
            "port",
        ),
        (
            "[[upstream]]\nname = \"a\"\nurl = \"socks6://x:1\"\n",
            3,
            "socks5",
        ),
        (
            "[[group]]\nname = \"g\"\npolicy = \"failover\"\nmembers = [\"nobody\"]\n",
            4,
            "nobody",
        ),
    ];
    for (text, line, hint) in wrong {
        privet_tests::peers::write(sandbox.dir(), "privet.toml", text);
        let config = sandbox.config().display().to_string();
        let answer = sandbox.cli(&["check", "--config", &config]);
        assert_eq!(answer.code, 2, "{text}: {answer:?}");
        let output = format!("{}{}", answer.out, answer.err);
        assert!(output.contains(hint), "{text}: {output}");
        let places = [format!("line {line}"), format!(":{line}:")];
        assert!(
            places.iter().any(|sandbox| output.contains(sandbox)),
            "{text}: {output}"
        );
    }
    sandbox.write("mode = \"strict\"\n");
    let config = sandbox.config().display().to_string();
    assert_eq!(sandbox.cli(&["check", "--config", &config]).code, 0);
}

#[test]
fn check_says_where_inspection_or_scanning_does_nothing() {
    let sandbox = Sandbox::new();
    privet_tests::peers::write(
        sandbox.dir(),
        "bad.yar",
        "rule broken { condition: nonsense }",
    );
    for (text, expected) in [
        ("[inspect]\nenabled = true\n", Some("no host is named")),
        ("[scan]\nenabled = true\n", Some("without a scanner")),
        (
            "[scan]\nenabled = true\nrules = [\"bad.yar\"]\n",
            Some("bad.yar"),
        ),
        (
            "[scan]\nenabled = true\nrules = [\"none/*.yar\"]\n",
            Some("no file matches it"),
        ),
        ("[inspect]\nenabled = true\nhosts = [\"a.test\"]\n", None),
        ("[scan]\nrules = [\"bad.yar\"]\n", None),
    ] {
        sandbox.write(text);
        let config = sandbox.config().display().to_string();
        let answer = sandbox.cli(&["check", "--config", &config]);
        assert_eq!(answer.code, 0, "{text}: {answer:?}");
        let output = format!("{}{}", answer.out, answer.err);
        match expected {
            Some(expected) => assert!(output.contains(expected), "{text}: {output}"),
            None => assert!(!output.contains("warning"), "{text}: {output}"),
        }
    }
}

/// The variables that the contract's file reads passwords from.
const PASSWORDS: [(&str, &str); 2] = [("OFFICE_PASSWORD", "a"), ("ALICE_PASSWORD", "b")];

#[test]
fn the_contract_file_is_accepted() {
    let sandbox = Sandbox::new();
    let text = include_str!("../../crates/config/tests/contract.toml");
    privet_tests::peers::write(sandbox.dir(), "privet.toml", text);
    let config = sandbox.config().display().to_string();
    let answer = sandbox.cli_with(&PASSWORDS, &["check", "--config", &config]);
    assert_eq!(answer.code, 0, "{answer:?}");
}

#[test]
fn every_key_of_the_example_is_accepted_and_what_has_no_effect_yet_is_reported() {
    let example = include_str!("../../crates/config/tests/contract.toml");
    let sandbox = Sandbox::new();
    let file = sandbox.dir().join("example.toml");
    let check = |text: &str| {
        std::fs::write(&file, text).expect("the file is written");
        sandbox.cli_with(
            &PASSWORDS,
            &["--config", &file.display().to_string(), "check"],
        )
    };
    let checked = check(example);
    assert_eq!(checked.code, 0, "{checked:?}");
    let unserved = example.replacen("use = \"direct\"", "use = \"ask\"", 1);
    let checked = check(&unserved);
    assert_eq!(checked.code, 0, "{checked:?}");
    let said = format!("{}{}", checked.out, checked.err);
    assert!(
        said.contains("asking is not served by this version yet"),
        "{said}"
    );
}

/// Blocks of the language `toml` are whole files.
#[test]
fn every_whole_example_in_the_documentation_is_accepted() {
    let sandbox = Sandbox::new();
    let write = |name: &str, text: &str| privet_tests::peers::write(sandbox.dir(), name, text);
    write("redis.password", "a password\n");
    write("redis.secret", &"0f".repeat(32));
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let docs = std::fs::read_dir(top.join("docs")).expect("the documentation");
    let docs = docs.map(|entry| entry.expect("an entry").path());
    let pages = docs.filter(|path| path.extension().is_some_and(|end| end == "md"));
    let mut examples = 0;
    for page in pages.chain([top.join("README.md")]) {
        let text = std::fs::read_to_string(&page).expect("a page");
        for example in text.split("```toml\n").skip(1) {
            let example = example.split("```").next().unwrap_or_default();
            let file = write("example.toml", example).display().to_string();
            let checked = sandbox.cli(&["check", "--config", &file]);
            assert_eq!(checked.code, 0, "{}: {checked:?}", page.display());
            examples += 1;
        }
    }
    assert!(examples >= 7, "only {examples} were found");
}
