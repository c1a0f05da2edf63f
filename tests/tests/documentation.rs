//! The documentation names tests, files and pages that exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

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

/// All sources below a folder.
fn sources(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).expect("the folder is readable") {
        let path = entry.expect("the entry is readable").path();
        if path.is_dir() && !path.ends_with("target") && !path.ends_with("node_modules") {
            sources(&path, into);
        } else if path.extension().is_some_and(|end| end == "rs") {
            into.push_str(&fs::read_to_string(&path).expect("the file is readable"));
        }
    }
}

/// It names tests without their files.
#[test]
fn every_test_that_the_threat_model_names_exists() {
    let mut all = String::new();
    for folder in ["crates", "tests"] {
        sources(&root().join(folder), &mut all);
    }
    let text = read("THREAT_MODEL.md");
    let is_test = |name: &&str| {
        let words = name.split('_').count();
        words >= 4
            && name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let names: Vec<&str> = code_spans(&text).filter(is_test).collect();
    assert!(names.len() >= 20, "only {} were found", names.len());
    for name in names {
        assert!(
            all.contains(&format!("fn {name}(")),
            "there is no test {name}"
        );
    }
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

/// The name by which a forge links to a heading.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter(kept)
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

/// The names of a page's headings.
fn anchors(page: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(page).unwrap_or_default();
    let mut is_code = false;
    let mut anchors = BTreeSet::new();
    for line in text.lines() {
        is_code ^= line.starts_with("```");
        if !is_code && line.starts_with('#') {
            anchors.insert(anchor(line));
        }
    }
    anchors
}

#[test]
fn every_link_to_a_heading_finds_it() {
    let (mut missing, mut found) = (BTreeSet::new(), 0);
    for page in pages() {
        let at = root().join(&page);
        for link in read(&page).split("](").skip(1) {
            let link = link.split(')').next().unwrap_or_default();
            let Some((file, heading)) = link.split_once('#').filter(|_| !link.contains(':')) else {
                continue;
            };
            let target = match file {
                "" => at.clone(),
                file => at.parent().expect("a page is in a folder").join(file),
            };
            found += 1;
            if !anchors(&target).contains(heading) {
                missing.insert(format!("{page}: {link}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(found >= 30, "only {found} were found");
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

/// An arrow of a Mermaid diagram.
struct Arrow {
    from: String,
    to: String,
}

/// The arrows between crates in ARCHITECTURE.md, by their folders.
fn drawn_dependencies() -> Vec<Arrow> {
    let text = read("ARCHITECTURE.md");
    let (_, crates) = text.split_once("\n## Crates\n").expect("a part on crates");
    let diagram = crates.split("```").nth(1).expect("a diagram of the crates");
    let mut labels = BTreeMap::new();
    let mut node = |text: &str| {
        let (name, label) = text.split_once('[').unwrap_or((text, ""));
        let label = label.trim_end_matches(']').split(':').next();
        if let Some(label) = label.filter(|label| !label.is_empty()) {
            labels.insert(name.to_owned(), label.to_owned());
        }
        name.to_owned()
    };
    let mut arrows = Vec::new();
    for line in diagram.lines().map(str::trim) {
        let Some((from, to)) = line.split_once("-->") else {
            continue;
        };
        // A word on the arrow stands between two bars.
        let to = to.rsplit('|').next().unwrap_or_default();
        arrows.push(Arrow {
            from: node(from.trim()),
            to: node(to.trim()),
        });
    }
    let folder = |name: String| labels.get(&name).cloned().unwrap_or(name);
    let named = |arrow: Arrow| Arrow {
        from: folder(arrow.from),
        to: folder(arrow.to),
    };
    arrows.into_iter().map(named).collect()
}

/// The folder of each package of the workspace, with those that it depends on.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["metadata", "--format-version", "1", "--no-deps"]);
    command.args(["--offline", "--manifest-path"]);
    let output = command.arg(root().join("Cargo.toml")).output();
    let output = output.expect("cargo starts").stdout;
    let metadata: Value = serde_json::from_slice(&output).expect("cargo tells JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let folder = |manifest: &Value| {
        let path = Path::new(manifest.as_str()?).parent()?;
        Some(path.file_name()?.to_string_lossy().into_owned())
    };
    let names: BTreeMap<&str, String> = packages
        .iter()
        .filter_map(|package| {
            Some((
                package["name"].as_str()?,
                folder(&package["manifest_path"])?,
            ))
        })
        .collect();
    let of_package = |package: &Value| {
        let all = package["dependencies"].as_array()?;
        let used = all.iter().filter(|used| used["kind"].is_null());
        let ours = used.filter_map(|used| names.get(used["name"].as_str()?).cloned());
        Some((folder(&package["manifest_path"])?, ours.collect()))
    };
    packages.iter().filter_map(of_package).collect()
}

/// Whether `to` is reached from `from` along the arrows.
fn is_drawn(arrows: &[Arrow], from: &str, to: &str) -> bool {
    arrows
        .iter()
        .filter(|arrow| arrow.from == from)
        .any(|arrow| arrow.to == to || is_drawn(arrows, &arrow.to, to))
}

#[test]
fn the_diagram_of_crates_shows_their_dependencies() {
    let (arrows, real) = (drawn_dependencies(), dependencies());
    let drawn: BTreeSet<&str> = arrows
        .iter()
        .flat_map(|arrow| [&*arrow.from, &*arrow.to])
        .collect();
    assert!(drawn.len() >= 15, "{drawn:?}");
    let mut wrong = Vec::new();
    for arrow in &arrows {
        let used = real.get(&arrow.from);
        if !used.is_some_and(|used| used.contains(&arrow.to)) {
            wrong.push(format!(
                "drawn: {} to {}, and it is not so",
                arrow.from, arrow.to
            ));
        }
    }
    for (from, used) in real.iter().filter(|(from, _)| drawn.contains(&***from)) {
        for to in used {
            if !is_drawn(&arrows, from, to) {
                wrong.push(format!("not drawn: {from} depends on {to}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_crate_has_a_row_in_the_architecture() {
    let text = read("ARCHITECTURE.md");
    for folder in dependencies().keys() {
        let rows = [
            format!("| [{folder}](crates/{folder}) |"),
            format!("| [{folder}]({folder}) |"),
        ];
        assert!(
            rows.iter().any(|row| text.contains(row)),
            "ARCHITECTURE.md has no row for {folder}"
        );
    }
}
