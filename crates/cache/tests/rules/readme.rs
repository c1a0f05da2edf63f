//! The README's tables name tests that exist, and every test of the rules is in one of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Adds `file::test` for each test of the files below a folder.
fn add_tests(folder: &Path, tests: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("the folder is readable") {
        let path = entry.expect("the entry is readable").path();
        if path.is_dir() {
            add_tests(&path, tests);
            continue;
        }
        let text = fs::read_to_string(&path).expect("the file is readable");
        let file = path.file_stem().expect("a name").to_string_lossy();
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
}

#[test]
fn the_readme_names_every_test_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut rules = BTreeSet::new();
    add_tests(&root.join("tests/rules"), &mut rules);
    let mut all = rules.clone();
    add_tests(&root.join("tests"), &mut all);
    add_tests(&root.join("src"), &mut all);
    let readme = fs::read_to_string(root.join("README.md")).expect("the README is readable");
    let named: BTreeSet<&str> = readme
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|span| {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_:".contains(c);
            span.contains("::") && span.chars().all(plain)
        })
        .collect();
    // Tests beside the code are named by their module, which need not be their file's name.
    let test = |path: &str| path.rsplit("::").next().unwrap_or_default().to_owned();
    let names: BTreeSet<String> = all.iter().map(|path| test(path)).collect();
    let wrong: Vec<_> = named
        .iter()
        .filter(|path| !names.contains(&test(path)))
        .collect();
    assert!(wrong.is_empty(), "no such tests: {wrong:?}");
    let missing: Vec<_> = rules
        .iter()
        .filter(|path| !named.contains(path.as_str()) && !path.starts_with("readme::"))
        .collect();
    assert!(missing.is_empty(), "not in the README: {missing:#?}");
}
