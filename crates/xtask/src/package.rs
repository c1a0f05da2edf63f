//! `cargo xtask package`: Debian and RPM packages of the engine and of the window by cargo-deb and cargo-generate-rpm, and a
//! tarball of both. The contents are listed in the `Cargo.toml` of `crates/cli` and `src-tauri`.
//!
//! `cargo xtask package check` makes them from a debug build, installs them on a copy of this system and removes them again.

mod build_output;
mod check;
mod pack;
mod stage;
mod tarball;

use std::fs;
use std::path::Path;

use crate::shell::{self, Done};
use crate::{needs, page};

use build_output::{BuildOutput, Compression};
pub use check::check;
use pack::pack;

/// Builds the release and packs it; prints the size of each file.
///
/// # Errors
/// A build failed, or a tool is missing.
pub fn package() -> Done {
    needs::ensure(&[needs::BUILD, needs::DESKTOP, needs::PACKAGE])?;
    page::build()?;
    let mut build = shell::command("cargo", &["build", "--release", "--locked"]);
    build.args(["-p", "privet", "-p", "privet-desktop"]);
    shell::run_command(build)?;
    let work = BuildOutput::new("release", Compression::Small)?;
    let made = pack(&work)?;
    println!();
    for name in work.programs() {
        print_size(&work.binaries.join(name))?;
    }
    made.iter().try_for_each(|file| print_size(file))
}

fn print_size(file: &Path) -> Done {
    let size = fs::metadata(file).map_err(|error| format!("{}: {error}", file.display()))?;
    println!(
        "{:8.2} MiB  {}",
        size.len() as f64 / f64::from(1 << 20),
        file.display()
    );
    Ok(())
}
