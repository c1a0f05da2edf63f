//! Entries on disk: kept across restarts where the file says so, and nowhere else.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use privet_tests::desktop::Desktop;
use privet_tests::keyring::Keyring;
use privet_tests::privet::Setup;
use privet_tests::wait::until;
use privet_tests::{Privet, require};

use crate::support::*;

const ON_DISK: &str = "[cache]\nmemory = \"32MiB\"\ndisk = \"64MiB\"\n";
const ENCRYPTED: &str = "[cache]\nmemory = \"32MiB\"\ndisk = \"64MiB\"\nencrypt = true\n";

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

#[test]
fn encrypted_entries_show_nothing_and_answer_after_a_restart() {
    let desktop = require!(Desktop::start());
    let keyring = require!(Keyring::start(&desktop));
    let setup = Setup {
        env: desktop.env(),
        ..Setup::default()
    };
    let origin = numbered("Cache-Control: max-age=600\r\nX-Mark: sealed-on-disk\r\n");
    let mut privet = Privet::start_as(ENCRYPTED, &setup);
    let url = format!("{}/secret-path", origin.url());
    assert_eq!(client(&privet).get(&url).body, "answer 0");
    privet.restart_as(&setup);
    let again = client(&privet).get(&url);
    assert_eq!(again.body, "answer 0", "{}", again.head);
    assert_eq!(origin.requests(), 1);
    let kept = files(
        &privet
            .sandbox
            .dir()
            .join("data/cache/private-encrypted/objects"),
    );
    assert_eq!(kept.len(), 1);
    let key = keyring.read(&desktop, "cache key");
    assert_eq!(key.len(), 64, "a key of 32 bytes");
    for text in ["sealed-on-disk", "secret-path", "answer 0", &key] {
        assert_eq!(holding(&privet, text), Vec::<PathBuf>::new(), "{text}");
    }
    // Another key reads nothing of it.
    let entry = ["clear", "service", "privet", "username", "cache key"];
    desktop.run("secret-tool", &entry).good();
    privet.restart_as(&setup);
    assert_eq!(client(&privet).get(&url).body, "answer 1");
}

#[test]
fn without_a_keyring_nothing_is_written_and_the_problem_is_shown() {
    let origin = numbered("Cache-Control: max-age=600\r\nX-Mark: memory-only\r\n");
    let mut privet = Privet::start(ENCRYPTED);
    for _ in 0..2 {
        assert_eq!(client(&privet).get(&origin.url()).body, "answer 0");
    }
    let status = privet.json(&["status"]);
    let problems = status["problems"].to_string();
    assert!(problems.contains("in memory only"), "{problems}");
    privet.restart();
    assert_eq!(holding(&privet, "memory-only"), Vec::<PathBuf>::new());
    // What is not encrypted may be written, and the problem is over.
    privet.sandbox.write(ON_DISK);
    privet.signal(rustix::process::Signal::HUP);
    privet.await_api("status", |status| {
        !status["problems"].to_string().contains("in memory only")
    });
    client(&privet).get(&origin.url());
    until("it is on disk", || {
        !holding(&privet, "memory-only").is_empty()
    });
    // From here on entries have to be encrypted: the others are removed at once.
    privet.sandbox.write(ENCRYPTED);
    privet.signal(rustix::process::Signal::HUP);
    until("it is removed", || {
        holding(&privet, "memory-only").is_empty()
    });
}

#[test]
fn a_purge_holds_although_the_process_is_killed() {
    let origin = numbered("Cache-Control: max-age=600\r\n");
    let mut privet = Privet::start(ON_DISK);
    let url = |path: &str| format!("{}/{path}", origin.url());
    for path in ["kept", "purged", "marked"] {
        client(&privet).get(&url(path));
    }
    privet.await_api("cache", |cache| cache["forward"]["disk"]["entries"] == 3);
    let purged = privet.json(&["cache", "purge", "--url", &url("purged")]);
    assert_eq!(
        (&purged["count"], &purged["durable"]),
        (&1.into(), &true.into())
    );
    privet.json(&["cache", "purge", "--url", &url("marked"), "--soft"]);
    privet.kill_and_restart();
    assert_eq!(client(&privet).get(&url("kept")).body, "answer 0");
    assert_eq!(client(&privet).get(&url("purged")).body, "answer 3");
    assert_eq!(client(&privet).get(&url("marked")).body, "answer 4");
}

/// The objects of the proxy's cache.
fn objects(privet: &Privet) -> Vec<PathBuf> {
    let mut found = files(&privet.sandbox.dir().join("data/cache/private/objects"));
    found.sort();
    found
}

#[test]
fn files_that_others_have_changed_are_fetched_again_and_nothing_beside_them_is_touched() {
    let origin = numbered("Cache-Control: max-age=600\r\nETag: \"v\"\r\n");
    let mut privet = Privet::start(ON_DISK);
    let url = |number: usize| format!("{}/{number}", origin.url());
    for number in 0..6 {
        assert_eq!(
            client(&privet).get(&url(number)).body,
            format!("answer {number}")
        );
    }
    privet.await_api("cache", |cache| cache["forward"]["disk"]["entries"] == 6);
    let found = objects(&privet);
    assert_eq!(found.len(), 6);
    let outside = privet.sandbox.dir().join("outside");
    fs::write(&outside, "what another program has written").expect("the folder takes a file");
    privet.restart_after(|| {
        fs::remove_file(&found[0]).expect("it is there");
        fs::remove_file(&found[1]).expect("it is there");
        std::os::unix::fs::symlink(&outside, &found[1]).expect("the folder takes a link");
        fs::remove_file(&found[2]).expect("it is there");
        fs::create_dir(&found[2]).expect("the folder takes a folder");
        fs::File::options()
            .write(true)
            .open(&found[3])
            .and_then(|file| file.set_len(30))
            .expect("it can be cut");
        let mut bytes = fs::read(&found[4]).expect("it is there");
        for byte in &mut bytes {
            *byte ^= 1;
        }
        fs::write(&found[4], bytes).expect("it can be written");
    });
    let mut asked = 0;
    for round in 0..2 {
        for number in 0..6 {
            let answer = client(&privet).get(&url(number));
            assert_eq!(answer.status, 200, "{}", answer.head);
            let own = answer.body == format!("answer {number}");
            asked += usize::from(!own);
            assert!(own || answer.body.starts_with("answer "), "{}", answer.body);
            assert_eq!(
                used(&answer).starts_with("hit"),
                own || round == 1,
                "{}",
                answer.head
            );
        }
    }
    assert_eq!(origin.requests(), 6 + 5);
    assert_eq!(asked, 2 * 5);
    privet.json(&["cache", "purge", "--all"]);
    privet.restart();
    let left = fs::read_to_string(&outside).expect("it is still there");
    assert_eq!(left, "what another program has written");
}

#[test]
fn a_damaged_index_is_an_empty_cache_that_works() {
    let origin = numbered("Cache-Control: max-age=600\r\n");
    let mut privet = Privet::start(ON_DISK);
    let index = privet.sandbox.dir().join("data/cache/private/index");
    let garbage: Vec<u8> = (0..5000_u32).map(|at| (at * 131 % 251) as u8).collect();
    let mut number = 0;
    for damage in [
        b"".to_vec(),
        garbage.clone(),
        b"PrvtIdx4".to_vec(),
        [&b"PrvtIdx4"[..], &garbage].concat(),
    ] {
        let answer = client(&privet).get(&origin.url());
        assert_eq!(answer.body, format!("answer {number}"), "{}", answer.head);
        privet.await_api("cache", |cache| cache["forward"]["disk"]["entries"] == 1);
        privet.restart_after(|| fs::write(&index, &damage).expect("it can be written"));
        number += 1;
        let answer = client(&privet).get(&origin.url());
        assert_eq!(answer.body, format!("answer {number}"), "{}", answer.head);
        privet.restart();
        let again = client(&privet).get(&origin.url());
        assert_eq!(again.body, format!("answer {number}"), "{}", again.head);
        assert!(used(&again).starts_with("hit"), "{}", again.head);
        privet.json(&["cache", "purge", "--all"]);
        number += 1;
    }
    assert_eq!(origin.requests(), number);
}
