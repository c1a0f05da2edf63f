//! The README's tables name tests that exist, and every test is in one of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn the_readme_names_every_test_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tests = BTreeSet::new();
    for entry in fs::read_dir(root.join("tests/rules")).expect("the folder is readable") {
        let path = entry.expect("the entry is readable").path();
        if path.is_dir() {
            continue;
        }
        let text = fs::read_to_string(&path).expect("the file is readable");
        let file = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            is_test |= line == "#[test]";
            if let Some(name) = line.strip_prefix("fn ").filter(|_| is_test) {
                let name = name.split('(').next().unwrap_or_default();
                tests.insert(format!("{file}::{name}"));
                is_test = false;
            }
        }
    }
    let readme = fs::read_to_string(root.join("README.md")).expect("the README is readable");
    let named: BTreeSet<String> = readme
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|span| {
            span.contains("::")
                && span
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == ':')
        })
        .map(str::to_owned)
        .collect();
    let wrong: Vec<_> = named.difference(&tests).collect();
    assert!(wrong.is_empty(), "no such tests: {wrong:?}");
    let missing: Vec<_> = tests
        .difference(&named)
        .filter(|name| !name.starts_with("readme::"))
        .collect();
    assert!(missing.is_empty(), "not in the README: {missing:#?}");
}
