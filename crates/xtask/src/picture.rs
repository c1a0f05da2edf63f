//! `cargo xtask picture`: the README's pictures, taken of the running program while real clients use it.

use std::fs;

use crate::shell::{self, Done};
use crate::{needs, page};

/// The pictures that the README shows, in `docs`.
const PICTURES: [&str; 4] = [
    "home-light.png",
    "home-dark.png",
    "connections-light.png",
    "connections-dark.png",
];
const MAX_BYTES: u64 = 200 * 1024;

/// Builds Privet with its page, runs it with clients, and writes [`PICTURES`].
///
/// # Errors
/// A build failed, Node or Chromium is missing, or a picture is larger than [`MAX_BYTES`].
pub fn picture() -> Done {
    needs::ensure(&[needs::BUILD, needs::TEST])?;
    page::build()?;
    page::install_tools()?;
    shell::run("cargo", &["build", "--locked", "-p", "privet"])?;
    let docs = shell::root().join("docs");
    let mut take = shell::command(
        "cargo",
        &[
            "run",
            "--quiet",
            "--locked",
            "-p",
            "privet-tests",
            "--example",
            "pictures",
            "--",
        ],
    );
    take.arg(&docs)
        .env("PRIVET_BIN", shell::target_dir().join("debug/privet"));
    shell::run_command(take)?;
    for name in PICTURES {
        let path = docs.join(name);
        let size = fs::metadata(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        if size.len() > MAX_BYTES {
            return Err(format!(
                "{} has {} KiB; at most {} are wanted",
                path.display(),
                size.len() / 1024,
                MAX_BYTES / 1024
            ));
        }
        println!("{}: {} KiB", path.display(), size.len() / 1024);
    }
    Ok(())
}
