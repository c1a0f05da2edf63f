//! Fuzz targets: list them, run one as long as wished, run all for a while.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::shell::{self, Done};

/// `cargo xtask fuzz NAME` without a time.
pub const LONG_SECONDS: u32 = 600;
/// All targets together get so long in `cargo xtask test`; two run at a time.
const ROUND_SECONDS: u32 = 66;
const AT_A_TIME: usize = 2;
/// A single input may take so long (seconds) and so much memory (MiB).
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
    let how = Fuzzer::find()?.ok_or("cargo-fuzz could not be had")?;
    how.build()?;
    let status = how.start(name, seconds, Stdio::inherit())?.wait();
    ended(name, status.map_err(|error| error.to_string())?.success())
}

/// Every target for its share of [`ROUND_SECONDS`]. Says so and goes on where cargo-fuzz cannot be had, but not in CI.
pub fn round() -> Done {
    let names = targets()?;
    let Some(how) = Fuzzer::find()? else {
        println!("SKIPPED: the fuzz targets; cargo-fuzz could not be installed");
        return Ok(());
    };
    how.build()?;
    let each = (ROUND_SECONDS * AT_A_TIME as u32) / (names.len().max(1) as u32);
    println!(
        "{} targets, {each} s each, {AT_A_TIME} at a time",
        names.len()
    );
    for pair in names.chunks(AT_A_TIME) {
        let mut running: Vec<(&String, Child)> = Vec::new();
        for name in pair {
            running.push((name, how.start(name, each, Stdio::piped())?));
        }
        for (name, child) in running {
            let out = child
                .wait_with_output()
                .map_err(|error| error.to_string())?;
            let log = String::from_utf8_lossy(&out.stderr);
            let last = log
                .lines()
                .rev()
                .find(|line| line.starts_with("Done "))
                .unwrap_or("");
            println!("  {name}: {last}");
            if !out.status.success() {
                print!("{log}");
            }
            ended(name, out.status.success())?;
        }
    }
    Ok(())
}

fn ended(name: &str, well: bool) -> Done {
    if well {
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

/// How cargo-fuzz is called here: on nightly with the address sanitizer, on stable without one.
struct Fuzzer {
    nightly: bool,
}

impl Fuzzer {
    fn find() -> Result<Option<Self>, String> {
        if shell::output("cargo", &["fuzz", "--version"]).is_none() {
            println!("installing cargo-fuzz");
            if let Err(why) = shell::run("cargo", &["install", "--locked", "--quiet", "cargo-fuzz"])
            {
                return if std::env::var_os("CI").is_some() {
                    Err(why)
                } else {
                    Ok(None)
                };
            }
        }
        let nightly = shell::output("rustup", &["run", "nightly", "rustc", "--version"]).is_some();
        if !nightly {
            println!("no nightly toolchain: the targets run without a sanitizer");
        }
        Ok(Some(Self { nightly }))
    }

    fn build(&self) -> Done {
        let args: &[&str] = if self.nightly {
            &["+nightly", "fuzz", "build"]
        } else {
            &["fuzz", "build", "-s", "none"]
        };
        shell::run("cargo", args)
    }

    /// Starts a built target; what it finds goes to `fuzz/corpus` and `fuzz/artifacts`, seeds come from `fuzz/seeds`.
    fn start(&self, name: &str, seconds: u32, log: Stdio) -> Result<Child, String> {
        let fuzz = shell::root().join("fuzz");
        let corpus = fuzz.join("corpus").join(name);
        let artifacts = fuzz.join("artifacts").join(name);
        for folder in [&corpus, &artifacts] {
            fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        let mut command = Command::new(binary(name)?);
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
}

/// cargo-fuzz always builds for a named target triple.
fn binary(name: &str) -> Result<PathBuf, String> {
    Ok(shell::root()
        .join("fuzz/target")
        .join(shell::host()?)
        .join("release")
        .join(name))
}
