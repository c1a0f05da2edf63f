//! The documentation names tests, files and pages that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The top folder of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests' folder is below the top")
        .to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The text of a test file, or of all files of a folder of tests.
fn read_tests(path: &str) -> String {
    let full = root().join(path);
    if !full.is_dir() {
        return read(path);
    }
    let entries = fs::read_dir(full).expect("the folder is readable");
    let names = entries.map(|entry| entry.expect("the entry is readable").file_name());
    names
        .map(|name| read(&format!("{path}/{}", name.to_string_lossy())))
        .collect()
}

/// Texts in backticks.
fn code_spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_test_that_the_guarantees_name_exists() {
    let mut rows = 0;
    for line in read("docs/guarantees.md").lines() {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [_, file, tests] = cells[..] else {
            continue;
        };
        let Some(file) = code_spans(file).next() else {
            continue;
        };
        let source = read_tests(file);
        let names: Vec<&str> = code_spans(tests).collect();
        assert!(!names.is_empty(), "no test in: {line}");
        for name in names {
            let head = format!("fn {name}(");
            let at = source
                .find(&head)
                .unwrap_or_else(|| panic!("{file} has no test {name}"));
            let before = &source[..at];
            let attributes = &before[before.rfind("\n\n").unwrap_or(0)..];
            assert!(attributes.contains("test"), "{file}: {name} is no test");
        }
        rows += 1;
    }
    assert!(rows >= 30, "only {rows} rows were found");
}

/// Markdown files of the top folder and of `docs`.
fn pages() -> Vec<String> {
    let mut pages = Vec::new();
    for folder in ["", "docs/"] {
        for entry in fs::read_dir(root().join(folder)).expect("the folder is readable") {
            let name = entry.expect("the entry is readable").file_name();
            let name = name.to_string_lossy();
            if name.ends_with(".md") {
                pages.push(format!("{folder}{name}"));
            }
        }
    }
    assert!(pages.len() >= 10, "{pages:?}");
    pages
}

#[test]
fn every_link_and_every_path_in_the_documentation_leads_to_a_file() {
    let mut missing = BTreeSet::new();
    for page in pages() {
        let text = read(&page);
        let folder = root()
            .join(&page)
            .parent()
            .expect("a page is in a folder")
            .to_owned();
        for link in text.split("](").skip(1) {
            let link = link.split([')', '#']).next().unwrap_or_default();
            if !link.is_empty() && !link.contains(':') && !folder.join(link).exists() {
                missing.insert(format!("{page}: ({link})"));
            }
        }
        for path in code_spans(&text) {
            let ours = ["crates/", "tests/", "ui/", "src-tauri/", "docs/", "fuzz/"];
            let plain = path
                .chars()
                .all(|c| c.is_alphanumeric() || "/_-.".contains(c));
            let generated = [
                "ui/dist",
                "ui/shots",
                "ui/node_modules",
                "src-tauri/binaries",
            ];
            if plain
                && ours.iter().any(|start| path.starts_with(start))
                && !generated.iter().any(|start| path.starts_with(start))
                && !root().join(path).exists()
            {
                missing.insert(format!("{page}: `{path}`"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn the_readme_names_no_tests() {
    let readme = read("README.md");
    for span in code_spans(&readme) {
        let underscores = span.matches('_').count();
        let args = span.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        assert!(
            !(args && underscores >= 3),
            "the README names the test `{span}`"
        );
    }
}
