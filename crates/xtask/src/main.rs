//! `cargo xtask`: the commands for building, running, testing and packaging this repository.
#![allow(clippy::print_stdout, reason = "a command line tool prints")]

mod bench;
mod cache_suite;
mod circles;
mod fuzz;
mod package;
mod picture;
mod run;
mod sidecar;
mod test;

use std::process::ExitCode;

use xtask::{needs, page, shell, tools};

const HELP: &str = "\
cargo xtask COMMAND

  run                   builds Privet and runs it with a configuration of its own: on a desktop with tray and window
  test                  everything a change has to pass; what CI runs
  circles               files of one crate that import each other in a circle; part of test
  cache-suite           a public conformance suite for HTTP caches against the built program; part of test
  bench [ROW…]          measures the data plane beside other proxies; writes BENCHMARKS.md
  bench --against FILE [ROW…]   beside another build of Privet alone; writes nothing
  bench desktop         memory and time on a desktop, beside a plain Tauri app
  bench desktop open [FOLDER]   the time to open the window, beside a plain one; FOLDER has the built programs; writes nothing
  fuzz                  lists the fuzz targets
  fuzz NAME [SECONDS]   runs one target (default: 600 seconds)
  package               builds the release and packs it: .deb, .rpm, tarball
  package check         packs the debug build, and installs and removes the packages on a copy of this system (root)
  sidecar               builds the release of the engine for `cargo tauri build`, in src-tauri/binaries
  icons                 writes icons/ from the icon's geometry in crates/tray/src/icon.rs
  picture               takes the README's pictures of the running program

A command says what it lacks and what for, then installs it: Debian packages as root or through sudo, everything else below
the build folder. Where it may not install packages it names them.
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        [] | ["help" | "-h" | "--help"] => {
            print!("{HELP}");
            Ok(())
        }
        ["run"] => run::run(),
        ["picture"] => picture::picture(),
        ["icons"] => shell::run(
            "cargo",
            &[
                "run",
                "--quiet",
                "-p",
                "privet-tray",
                "--example",
                "icons",
                "icons",
            ],
        ),
        ["sidecar"] => sidecar::sidecar(),
        ["package"] => package::package(),
        ["package", "check"] => package::check(),
        ["test"] => test::test(),
        ["cache-suite"] => cache_suite::cache_suite(),
        ["circles"] => circles::check(),
        ["bench", words @ ..] => bench::bench(words),
        ["fuzz"] => fuzz::list(),
        ["fuzz", name] => fuzz::run(name, fuzz::LONG_SECONDS),
        ["fuzz", name, seconds] => match seconds.parse() {
            Ok(seconds) => fuzz::run(name, seconds),
            Err(_) => Err(format!("{seconds}: not a number of seconds")),
        },
        _ => Err(format!("no such command: {}\n\n{HELP}", words.join(" "))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask: {why}");
            ExitCode::FAILURE
        }
    }
}
