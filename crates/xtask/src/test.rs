//! `cargo xtask test`: everything a change has to pass, in the order in which it fails fastest.

use std::time::{Duration, Instant};

use crate::shell::{self, Done};
use crate::{fuzz, needs, package, page};

/// The window needs a web view's libraries: it is built and shown in a step of its own.
const WITHOUT: [&str; 2] = ["--exclude", "privet-desktop"];
/// Its tests, whole-program ones as the others are.
const WINDOW: &str = "window";

/// Runs all steps; stops at the first that fails.
pub fn test() -> Done {
    let mut log = Steps::default();
    log.step("what is missing", || {
        needs::ensure(&[needs::BUILD, needs::TEST, needs::PACKAGE, needs::DESKTOP])
    })?;
    log.step("page build", page::build)?;
    log.step("format", format)?;
    log.step("lints", lints)?;
    log.step("build", build)?;
    log.step("tests", tests)?;
    log.step("doc tests", || {
        shell::run(
            "cargo",
            &[
                "test",
                "--quiet",
                "--doc",
                "--workspace",
                WITHOUT[0],
                WITHOUT[1],
                "--locked",
            ],
        )
    })?;
    log.step("page", page::check)?;
    log.step("desktop", desktop)?;
    log.step("packages", package::check)?;
    log.step("fuzz targets", fuzz::round)?;
    log.close();
    Ok(())
}

fn format() -> Done {
    shell::run("cargo", &["fmt", "--check"])?;
    shell::run(
        "cargo",
        &["fmt", "--check", "--manifest-path", "fuzz/Cargo.toml"],
    )
}

fn lints() -> Done {
    let clippy = [
        "clippy",
        "--quiet",
        "--workspace",
        WITHOUT[0],
        WITHOUT[1],
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ];
    shell::run("cargo", &clippy)?;
    if shell::output("cargo", &["deny", "--version"]).is_some() {
        return shell::run(
            "cargo",
            &["deny", "--offline", "check", "bans", "licenses", "sources"],
        );
    }
    println!(
        "cargo-deny is not installed: the dependencies' licences are not checked in this run (deny.toml says why)"
    );
    Ok(())
}

/// Once, with the features of everything that follows, so that nothing is compiled twice.
fn build() -> Done {
    shell::run(
        "cargo",
        &[
            "build",
            "--quiet",
            "--workspace",
            WITHOUT[0],
            WITHOUT[1],
            "--bins",
            "--tests",
            "--locked",
        ],
    )
}

fn tests() -> Done {
    let python = needs::python()?;
    let nextest = shell::output("cargo", &["nextest", "--version"]).is_some();
    let args: &[&str] = if nextest {
        &[
            "nextest",
            "run",
            "--workspace",
            WITHOUT[0],
            WITHOUT[1],
            "--bins",
            "--tests",
            "--lib",
            "--locked",
            "--no-fail-fast",
        ]
    } else {
        &[
            "test",
            "--workspace",
            WITHOUT[0],
            WITHOUT[1],
            "--bins",
            "--tests",
            "--lib",
            "--locked",
            "--no-fail-fast",
        ]
    };
    let mut command = shell::command("cargo", args);
    if let Some(python) = python {
        command.env("PRIVET_TEST_PYTHON", python);
    }
    shell::run_command(command)
}

/// The window: its lints, its own tests, and it itself under a screen of the tests' own, driven by WebDriver.
fn desktop() -> Done {
    if !needs::webview() {
        return match std::env::var_os("CI") {
            Some(_) => Err("the web view's libraries are missing".to_owned()),
            None => {
                println!("SKIPPED: the window; the web view's libraries are missing");
                Ok(())
            }
        };
    }
    for words in [["build", "--quiet"], ["test", "--quiet"]] {
        let mut command = shell::command("cargo", &words);
        command.args(["--locked", "-p", "privet-desktop"]);
        // Lints while it builds: `cargo clippy` would check all the web view's crates a second time.
        command.env("RUSTC_WORKSPACE_WRAPPER", "clippy-driver");
        command.env(
            "CLIPPY_ARGS",
            "-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__",
        );
        shell::run_command(command)?;
    }
    let driver = needs::tauri_driver()?;
    // Of the whole workspace, so that nothing is compiled anew with other features; two at a time, as they mostly draw.
    let mut command = shell::command(
        "cargo",
        &[
            "test",
            "--workspace",
            WITHOUT[0],
            WITHOUT[1],
            "--locked",
            "--test",
            WINDOW,
            "--",
            "--test-threads=2",
        ],
    );
    if let Some(driver) = driver {
        command.env("PRIVET_TAURI_DRIVER", driver);
    }
    shell::run_command(command)
}

#[derive(Default)]
struct Steps {
    done: Vec<(&'static str, Duration)>,
}

impl Steps {
    fn step(&mut self, name: &'static str, work: impl FnOnce() -> Done) -> Done {
        println!("\n── {name}");
        let start = Instant::now();
        let done = work();
        let took = start.elapsed();
        match &done {
            Ok(()) => println!("── {name}: good, {:.0} s", took.as_secs_f64()),
            Err(_) => println!("── {name}: FAILED after {:.0} s", took.as_secs_f64()),
        }
        self.done.push((name, took));
        done
    }

    fn close(&self) {
        println!();
        for (name, took) in &self.done {
            println!("{name:16} {:6.0} s", took.as_secs_f64());
        }
        println!("steps: {} passed, 0 failed", self.done.len());
    }
}
