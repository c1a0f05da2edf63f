//! Entries on disk: kept across restarts where the file says so, and nowhere else.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use privet_tests::Privet;

use crate::support::*;

const ON_DISK: &str = "[cache]\nmemory = \"32MiB\"\ndisk = \"64MiB\"\n";

/// The files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}

/// The files below the sandbox that contain the text.
fn holding(privet: &Privet, text: &str) -> Vec<PathBuf> {
    let holds = |path: &PathBuf| {
        let bytes = fs::read(path).unwrap_or_default();
        bytes
            .windows(text.len())
            .any(|piece| piece == text.as_bytes())
    };
    files(privet.sandbox.dir())
        .into_iter()
        .filter(holds)
        .collect()
}

#[test]
fn what_is_on_disk_answers_after_a_restart() {
    let origin = numbered("Cache-Control: max-age=600\r\nX-Mark: kept-on-disk\r\n");
    let mut privet = Privet::start(ON_DISK);
    assert_eq!(client(&privet).get(&origin.url()).body, "answer 0");
    privet.restart();
    let again = client(&privet).get(&origin.url());
    assert_eq!(again.body, "answer 0", "{}", again.head);
    assert!(used(&again).starts_with("hit; ttl="), "{}", again.head);
    assert_eq!(origin.requests(), 1);
    let kept = holding(&privet, "kept-on-disk");
    assert!(!kept.is_empty());
    for file in &kept {
        let mode = fs::metadata(file).expect("it exists").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{file:?}");
    }
    // The file says no more: what was kept is removed.
    privet.sandbox.write(ON);
    privet.restart();
    assert_eq!(holding(&privet, "kept-on-disk"), Vec::<PathBuf>::new());
    assert_eq!(client(&privet).get(&origin.url()).body, "answer 1");
}

#[test]
fn a_mode_without_history_writes_nothing() {
    let origin = numbered("Cache-Control: max-age=600\r\nX-Mark: never-on-disk\r\n");
    let modes = "[modes.standard]\nhistory = false\n";
    let mut privet = Privet::start(&format!("{ON_DISK}{modes}"));
    for _ in 0..2 {
        assert_eq!(client(&privet).get(&origin.url()).body, "answer 0");
    }
    privet.restart();
    assert_eq!(holding(&privet, "never-on-disk"), Vec::<PathBuf>::new());
    assert_eq!(client(&privet).get(&origin.url()).body, "answer 1");
}
