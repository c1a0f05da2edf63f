//! Skipping a test because a program is missing: never silently, and never in CI.
//!
//! Only the standard library is used here: tests of other crates include this file by its path.

use std::io::Write;

/// Reports why the running test is skipped: on standard error and in the file named by `PRIVET_TEST_SKIPPED`, which
/// `cargo xtask test` prints at its end because test runners hide the output of tests that pass.
///
/// # Panics
/// `CI` is set: there a skipped test is a failed test.
#[track_caller]
pub fn missing(why: &str) {
    assert!(
        std::env::var_os("CI").is_none(),
        "{why}, and in CI no test is skipped"
    );
    let thread = std::thread::current();
    let test = std::env::var("NEXTEST_TEST_NAME")
        .unwrap_or_else(|_| thread.name().unwrap_or("a test").to_owned());
    let line = format!("SKIPPED: {test}: {why}\n");
    eprint!("{line}");
    let Some(path) = std::env::var_os("PRIVET_TEST_SKIPPED") else {
        return;
    };
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path);
    // One write for each line: tests of several processes share the file.
    if let Err(error) = file.and_then(|mut file| file.write_all(line.as_bytes())) {
        eprintln!("PRIVET_TEST_SKIPPED: {error}");
    }
}
