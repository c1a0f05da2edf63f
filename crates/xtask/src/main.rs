//! `cargo xtask`: what a newcomer and CI call. Each command says what it does while it does it.
#![allow(clippy::print_stdout, reason = "talking to the terminal is its work")]

mod bench;
mod fuzz;
mod needs;
mod package;
mod page;
mod picture;
mod run;
mod shell;
mod sidecar;
mod test;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask COMMAND

  run                   builds Privet and serves with a configuration of its own, with a window where one can be shown
  test                  format, lints, unit, property and whole-program tests, every fuzz target for a while; what CI runs
  bench [ROW…]          what the data plane costs, beside the peers; writes BENCHMARKS.md
  fuzz                  lists the fuzz targets
  fuzz NAME [SECONDS]   runs one target (600 seconds if not said)
  bench desktop         what a desktop pays: memory and time with the window closed, waits; beside a plain Tauri app
  package               two .deb files and a tarball of the release, and what they weigh
  package check         packs the plain build, installs it on a copy of this system and takes it away again (root)
  sidecar               puts the engine's release where `cargo tauri build` takes it from: src-tauri/binaries
  icons                 writes icons/ from the icon's geometry in crates/tray/src/icon.rs
  picture               draws the README's picture from the running program

Each command installs what it lacks: Debian's packages as root or through sudo; elsewhere it names what to install.
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
        ["bench", rows @ ..] => bench::bench(rows),
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
