//! Fuzz targets: lists them, runs one, or runs all for a limited time.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::shell::{self, Done};

/// Seconds of `cargo xtask fuzz NAME` without a time.
pub const LONG_SECONDS: u32 = 600;
/// Time of all targets together in `cargo xtask test`; two run at a time.
const ROUND_SECONDS: u32 = 66;
const AT_A_TIME: usize = 2;
/// Limits of a single input: seconds and MiB.
const LIMITS: [&str; 2] = ["-timeout=10", "-rss_limit_mb=2048"];

/// Prints the targets' names.
pub fn list() -> Done {
    for name in targets()? {
        println!("{name}");
    }
    Ok(())
}

/// Runs one target until it crashes or the time is over; its corpus is kept in `fuzz/corpus`.
pub fn run(name: &str, seconds: u32) -> Done {
    let known = targets()?;
    if !known.iter().any(|target| target == name) {
        return Err(format!(
            "no fuzz target {name:?}; there are: {}",
            known.join(", ")
        ));
    }
    build(&[name.to_owned()])?;
    // The output goes to the terminal and need not be read while it runs.
    let status = start(name, seconds, Stdio::inherit())?.wait();
    ended(name, status.map_err(|error| error.to_string())?.success())
}

/// Runs every target for its share of [`ROUND_SECONDS`].
pub fn round() -> Done {
    let names = targets()?;
    build(&names)?;
    let each = (ROUND_SECONDS * AT_A_TIME as u32) / (names.len().max(1) as u32);
    println!(
        "{} targets, {each} s each, {AT_A_TIME} at a time",
        names.len()
    );
    for pair in names.chunks(AT_A_TIME) {
        let mut running: Vec<(&String, PathBuf, Child)> = Vec::new();
        for name in pair {
            // A pipe could fill up, since it would be read only after the other target's end.
            let log = shell::target_dir().join("fuzz").join(format!("{name}.txt"));
            let fail = |error| format!("{}: {error}", log.display());
            fs::create_dir_all(shell::target_dir().join("fuzz")).map_err(fail)?;
            let file = fs::File::create(&log).map_err(fail)?;
            let child = start(name, each, file.into())?;
            running.push((name, log, child));
        }
        for (name, log, mut child) in running {
            let status = child.wait().map_err(|error| error.to_string())?;
            let text = fs::read(&log).map_err(|error| format!("{}: {error}", log.display()))?;
            let text = String::from_utf8_lossy(&text);
            let last = text.lines().rev().find(|line| line.starts_with("Done "));
            println!("  {name}: {}", last.unwrap_or(""));
            if !status.success() {
                print!("{text}");
            }
            ended(name, status.success())?;
        }
    }
    Ok(())
}

fn ended(name: &str, success: bool) -> Done {
    if success {
        return Ok(());
    }
    Err(format!(
        "fuzz target {name} failed; the input is in fuzz/artifacts/{name}"
    ))
}

/// The names of the `[[bin]]` entries of `fuzz/Cargo.toml`.
fn targets() -> Result<Vec<String>, String> {
    let manifest = shell::root().join("fuzz/Cargo.toml");
    let text = fs::read_to_string(&manifest)
        .map_err(|error| format!("{}: {error}", manifest.display()))?;
    let mut names = Vec::new();
    for entry in text.split("\n[[bin]]\n").skip(1) {
        let name = entry
            .lines()
            .find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
        names.extend(name.map(str::to_owned));
    }
    Ok(names)
}

/// Builds targets with coverage counters in the workspace's crates. Dependencies are those that the tests were built with:
/// all of the workspace is selected, so that their features are the same.
fn build(names: &[String]) -> Done {
    let mut build = shell::command("cargo", &["build", "--quiet", "--locked", "--workspace"]);
    build.args(["--exclude", "privet-desktop"]);
    for name in names {
        build.args(["--bin", name]);
    }
    build.env(
        "RUSTC_WORKSPACE_WRAPPER",
        shell::root().join("fuzz/rustc-with-coverage"),
    );
    build.env("CARGO_INCREMENTAL", "0");
    shell::run_command(build)
}

/// Starts a built target; what it finds goes to `fuzz/corpus` and `fuzz/artifacts`, seeds come from `fuzz/seeds`.
fn start(name: &str, seconds: u32, log: Stdio) -> Result<Child, String> {
    let fuzz = shell::root().join("fuzz");
    let corpus = fuzz.join("corpus").join(name);
    let artifacts = fuzz.join("artifacts").join(name);
    for folder in [&corpus, &artifacts] {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let mut command = Command::new(shell::target_dir().join("debug").join(name));
    command
        .current_dir(&fuzz)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .args(LIMITS)
        .arg(&corpus)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let seeds = fuzz.join("seeds").join(name);
    if seeds.is_dir() {
        command.arg(seeds);
    }
    command
        .stderr(log)
        .spawn()
        .map_err(|error| format!("fuzz target {name} did not start: {error}"))
}
