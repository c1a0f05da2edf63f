//! Rules and signatures as time goes on.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;

use privet_tests::peers::write;
use privet_tests::wait::until;

use crate::support::*;

#[test]
fn changed_rules_come_into_force_and_broken_ones_leave_the_old() {
    let origin = origin(|_| None);
    let scanning = Scanning::start("");
    let url = format!("{}/clean/100", origin.url());
    let problems = || scanning.privet.json(&["status"])["problems"].to_string();
    assert!(scanning.curl(&url, &[]).good().ends_with("\n200 100"));
    let rule = "rule Digits { strings: $a = \"0123456789\" condition: not $a }\n";
    write(scanning.folder.path(), "test.yar", &format!("{RULE}{rule}"));
    until("the changed file is in force", || {
        scanning.curl(&url, &[]).out.contains("Digits")
    });
    write(scanning.folder.path(), "test.yar", "rule Broken {");
    until("the broken file is named", || {
        problems().contains("test.yar")
    });
    assert!(problems().contains("stays in force"), "{}", problems());
    assert_stopped(&scanning.curl(&url, &[]), "Digits");
    write(scanning.folder.path(), "test.yar", RULE);
    until("the corrected file is in force", || {
        !problems().contains("test.yar")
    });
    assert!(scanning.curl(&url, &[]).good().ends_with("\n200 100"));
    // A file that matches the pattern from now on.
    write(scanning.folder.path(), "new.yar", rule);
    until("the new file is in force", || {
        scanning.curl(&url, &[]).out.contains("Digits")
    });
}

/// Where it is down, bodies are stopped: who asks why nothing loads finds it in the status.
#[test]
fn a_scanner_that_is_down_is_a_problem_until_it_is_back() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("clamd");
    let scanning = Scanning::start(&format!("clamd = \"unix:{}\"\n", path.display()));
    let problems = || scanning.privet.json(&["status"])["problems"].to_string();
    until("the problem", || {
        problems().contains("a scanner cannot be asked: clamd: ")
    });
    let listener = UnixListener::bind(&path).expect("a new socket");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.write_all(b"ClamAV 1.4.3/27500\0");
        }
    });
    let (_, state) = scanning.privet.api("GET", "scan", None);
    assert_eq!(state["engines"][1]["state"], "ready", "{state}");
    until("the problem ends", || !problems().contains("clamd"));
}

#[test]
fn old_signatures_are_a_problem() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("clamd");
    let listener = UnixListener::bind(&path).expect("a new socket");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut command = [0; 9];
            if stream.read_exact(&mut command).is_ok() && command.starts_with(b"zVERSION") {
                let _ = stream.write_all(b"ClamAV 1.4.3/27500/Mon Nov  2 08:25:42 2020\0");
            }
        }
    });
    let scanning = Scanning::start(&format!("clamd = \"unix:{}\"\n", path.display()));
    let (_, state) = scanning.privet.api("GET", "scan", None);
    assert_eq!(state["engines"][1]["signatures_old"], true, "{state}");
    until("the problem", || {
        let problems = scanning.privet.json(&["status"])["problems"].to_string();
        problems.contains("signatures of clamd are old") && problems.contains("2020-11-02")
    });
    let doctor = scanning.privet.cli(&["doctor"]).out;
    let named = doctor
        .lines()
        .find(|line| line.contains("signatures of clamd are old"));
    assert!(
        named.is_some_and(|line| line.contains("wrong   scan:")),
        "{doctor}"
    );
    assert!(doctor.contains("freshclam"), "{doctor}");
}
