//! Files of one crate that import each other in a circle. A circle is opened, or stands in [`ALLOWED`] with its reason.

mod graph;
mod imports;
mod tokens;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::shell::Done;
use graph::circles;
use imports::SourceFile;

/// Circles that stay. Each has the crate, its files below `src`, and the reason; a circle of some of the files is allowed too.
const ALLOWED: &[AllowedCircle] = &[AllowedCircle {
    package: "config",
    files: &["tree/mod.rs", "tree/table.rs"],
    reason: "a value opens as a table, and a table gives values",
}];

struct AllowedCircle {
    package: &'static str,
    files: &'static [&'static str],
    reason: &'static str,
}

/// Fails where a crate has a circle that is not allowed. Prints the allowed ones that are there.
pub fn check() -> Done {
    let mut problems = Vec::new();
    for (package, src) in packages()? {
        for circle in circles(&read(&src)?) {
            let allowed = ALLOWED
                .iter()
                .find(|allowed| allowed.covers(&package, &circle.files));
            match allowed {
                Some(allowed) => println!(
                    "{package}: {} files import each other: {}",
                    circle.files.len(),
                    allowed.reason
                ),
                None => problems.push(format!("{package}: {circle}")),
            }
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(format!(
        "files that import each other:\n{}",
        problems.join("\n")
    ))
}

impl AllowedCircle {
    fn covers(&self, package: &str, files: &[String]) -> bool {
        self.package == package && files.iter().all(|file| self.files.contains(&file.as_str()))
    }
}

/// The crates' names and source folders.
fn packages() -> Result<BTreeMap<String, PathBuf>, String> {
    let mut found = BTreeMap::new();
    for folder in list(Path::new("crates"))? {
        if let Some(name) = folder.file_name().and_then(|name| name.to_str()) {
            found.insert(name.to_owned(), folder.join("src"));
        }
    }
    found.insert("src-tauri".into(), PathBuf::from("src-tauri/src"));
    found.insert("tests".into(), PathBuf::from("tests/src"));
    Ok(found)
}

/// All source files below a folder, without those that contain tests only.
fn read(src: &Path) -> Result<Vec<SourceFile>, String> {
    let mut files = Vec::new();
    let mut folders = vec![src.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in list(&folder)? {
            let name = path
                .strip_prefix(src)
                .unwrap_or(&path)
                .to_string_lossy()
                .into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(".rs") && !is_test(&name) {
                let text =
                    fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
                files.push(SourceFile::new(&name, &text));
            }
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

fn is_test(name: &str) -> bool {
    let mut parts = name.split('/');
    parts.any(|part| part == "tests" || part == "tests.rs" || part.ends_with("_tests.rs"))
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |error| format!("{}: {error}", folder.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    Ok(paths)
}
