//! `cargo xtask test`: all checks, fast ones first.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::shell::{self, Done};
use crate::tools::{self, CARGO_DENY, TAURI_DRIVER};
use crate::{cache_suite, circles, fuzz, needs, package, page};

/// The window, which needs a web view's libraries, and the fuzz targets have steps of their own.
const WORKSPACE: [&str; 6] = [
    "--workspace",
    "--exclude",
    "privet-desktop",
    "--exclude",
    "privet-fuzz",
    "--locked",
];
/// The whole-program tests of the window.
const WINDOW: &str = "window";

/// Runs all steps; stops at the first that fails.
pub fn test() -> Done {
    let _ = fs::remove_file(skipped_file());
    let mut log = Steps::default();
    let done = steps(&mut log);
    log.close();
    done
}

fn steps(log: &mut Steps) -> Done {
    log.step("packages of the system", || {
        needs::ensure(&[needs::BUILD, needs::TEST, needs::PACKAGE, needs::DESKTOP])
    })?;
    log.step("page build", page::build)?;
    log.step("format", || shell::run("cargo", &["fmt", "--check"]))?;
    log.step("module circles", circles::check)?;
    log.step("dependencies", dependencies)?;
    log.step("build and lints", build)?;
    log.step("tests", tests)?;
    log.step("doc tests", || {
        shell::run_command(cargo(&["test", "--quiet", "--doc"], &[]))
    })?;
    log.step("cache suite", cache_suite::check)?;
    log.step("page", page::check)?;
    log.step("desktop", desktop)?;
    log.step("packages", package::check)?;
    log.step("fuzz targets", fuzz::round)
}

/// A cargo command on [`WORKSPACE`] whose crates are compiled by clippy: lints and code come from one build. Every step
/// uses it, so that each crate is compiled once.
fn cargo(command: &[&str], more: &[&str]) -> Command {
    let mut cargo = shell::command("cargo", command);
    cargo.args(WORKSPACE).args(more);
    linted(&mut cargo);
    cargo
}

fn linted(cargo: &mut Command) {
    cargo.env("RUSTC_WORKSPACE_WRAPPER", "clippy-driver");
    cargo.env(
        "CLIPPY_ARGS",
        "-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__",
    );
    cargo.env("PRIVET_TEST_SKIPPED", skipped_file());
}

/// The file in which tests report that they were skipped.
fn skipped_file() -> PathBuf {
    shell::target_dir().join("skipped.txt")
}

/// Checks deny.toml: licences, sources, forbidden crates, and known vulnerabilities if the advisory database is on this machine
/// (`cargo deny fetch` gets it). Nothing is downloaded here.
fn dependencies() -> Done {
    let Some(deny) = CARGO_DENY.install_or_skip()? else {
        return Ok(());
    };
    let deny = deny.to_string_lossy();
    shell::run(
        &deny,
        &["--offline", "check", "bans", "licenses", "sources"],
    )?;
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    if !home.is_some_and(|home| home.join("advisory-dbs").is_dir()) {
        println!(
            "SKIPPED: known vulnerabilities: no advisory database; `cargo deny fetch` gets it"
        );
        return Ok(());
    }
    shell::run(&deny, &["--offline", "check", "advisories"])
}

/// Builds all targets once, so that the following steps compile nothing.
fn build() -> Done {
    shell::run_command(cargo(&["build", "--quiet"], &["--all-targets"]))
}

fn tests() -> Done {
    let python = tools::python()?;
    let nextest = shell::output("cargo", &["nextest", "--version"]).is_some();
    let command: &[&str] = if nextest {
        &["nextest", "run"]
    } else {
        &["test"]
    };
    let mut command = cargo(command, &["--bins", "--tests", "--lib", "--no-fail-fast"]);
    if let Some(python) = python {
        command.env("PRIVET_TEST_PYTHON", python);
    }
    shell::run_command(command)
}

/// The window: lints, unit tests, and whole-program tests on a virtual screen.
fn desktop() -> Done {
    if !needs::webview() {
        return tools::skip("the window: the web view's libraries are missing");
    }
    for words in [["build", "--quiet"], ["test", "--quiet"]] {
        let mut command = shell::command("cargo", &words);
        command.args(["--locked", "-p", "privet-desktop"]);
        linted(&mut command);
        shell::run_command(command)?;
    }
    let driver = TAURI_DRIVER.install_or_skip()?;
    // Two at a time: drawing takes processor time.
    let mut command = cargo(&["test"], &["--test", WINDOW, "--", "--test-threads=2"]);
    if let Some(driver) = driver {
        command.env("PRIVET_TAURI_DRIVER", driver);
    }
    shell::run_command(command)
}

#[derive(Default)]
struct Steps {
    done: Vec<(&'static str, Duration, bool)>,
}

impl Steps {
    fn step(&mut self, name: &'static str, work: impl FnOnce() -> Done) -> Done {
        println!("\n── {name}");
        let start = Instant::now();
        let done = work();
        let took = start.elapsed();
        match &done {
            Ok(()) => println!("── {name}: passed, {:.0} s", took.as_secs_f64()),
            Err(_) => println!("── {name}: FAILED after {:.0} s", took.as_secs_f64()),
        }
        self.done.push((name, took, done.is_ok()));
        done
    }

    /// Prints skipped tests, the time of each step, and how many passed.
    fn close(&self) {
        println!();
        let skipped = fs::read_to_string(skipped_file()).unwrap_or_default();
        print!("{skipped}");
        let mut all = Duration::ZERO;
        for (name, took, _) in &self.done {
            println!("{name:24} {:6.0} s", took.as_secs_f64());
            all += *took;
        }
        println!("{:24} {:6.0} s", "all", all.as_secs_f64());
        let passed = self.done.iter().filter(|(_, _, passed)| *passed).count();
        println!(
            "steps: {passed} passed, {} failed; tests skipped: {}",
            self.done.len() - passed,
            skipped.lines().count()
        );
    }
}
