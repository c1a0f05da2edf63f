//! `cargo xtask test`: everything a change has to pass, in the order in which it fails fastest.

use std::time::{Duration, Instant};

use crate::shell::{self, Done};
use crate::{fuzz, needs, package, page};

/// Runs all steps; stops at the first that fails.
pub fn test() -> Done {
    let mut log = Steps::default();
    log.step("what is missing", || {
        needs::ensure(&[needs::BUILD, needs::TEST, needs::PACKAGE])
    })?;
    log.step("page build", page::build)?;
    log.step("format", format)?;
    log.step("lints", lints)?;
    log.step("build", build)?;
    log.step("tests", tests)?;
    log.step("doc tests", || {
        shell::run(
            "cargo",
            &["test", "--quiet", "--doc", "--workspace", "--locked"],
        )
    })?;
    log.step("packages", package::check)?;
    log.step("page", page::check)?;
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
