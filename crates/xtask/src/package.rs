//! `cargo xtask package`: Debian and RPM packages of the engine and of the window by cargo-deb and cargo-generate-rpm, and a
//! tarball of both. The contents are listed in the `Cargo.toml` of `crates/cli` and `src-tauri`.
//!
//! `cargo xtask package check` makes them from a debug build, installs them on a copy of this system and removes them again.

mod build_output;
mod check;
mod stage;
mod tarball;

use std::fs;
use std::path::{Path, PathBuf};

use crate::shell::{self, Done};
use crate::tools::{CARGO_DEB, CARGO_GENERATE_RPM};
use crate::{needs, page};

use build_output::{BuildOutput, Compression, VERSION};
pub use check::check;

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

/// Makes all packages: .deb, .rpm, tarball.
fn pack(work: &BuildOutput) -> Result<Vec<PathBuf>, String> {
    let release = work.out.join("release");
    for program in work.programs() {
        let mut strip = shell::command("strip", &["--strip-debug", "-o"]);
        strip
            .arg(release.join(program))
            .arg(work.binaries.join(program));
        shell::run_quietly(strip)?;
    }
    stage::engine(work, &release.join("package/privet"), "/usr/bin")?;
    if work.has_window() {
        stage::window(work, &release.join("package/privet-desktop"))?;
    }
    let mut made = Vec::new();
    for program in work.programs() {
        made.push(deb(work, program)?);
        made.push(rpm(work, program)?);
    }
    made.push(tarball::make(work)?);
    Ok(made)
}

/// The folder of the crate with that program.
fn folder(program: &str) -> &'static str {
    match program {
        "privet-desktop" => "src-tauri",
        _ => "crates/cli",
    }
}

fn deb(work: &BuildOutput, program: &str) -> Result<PathBuf, String> {
    let arch = shell::output("dpkg", &["--print-architecture"]).ok_or("dpkg is not here")?;
    let file = work.out.join(format!("{program}_{VERSION}_{arch}.deb"));
    let mut cargo_deb = shell::command(&CARGO_DEB.install()?.to_string_lossy(), &["--no-build"]);
    cargo_deb
        .args(["--quiet", "--locked", "--manifest-path"])
        .arg(shell::root().join(folder(program)).join("Cargo.toml"))
        .arg("--output")
        .arg(&file);
    match work.compression {
        Compression::Small => {}
        Compression::Fast => {
            cargo_deb.args(["--fast", "--compress-system"]);
        }
    }
    cargo_deb.env("CARGO_TARGET_DIR", &work.out);
    cargo_deb.env("SOURCE_DATE_EPOCH", &work.epoch);
    shell::run_command(cargo_deb)?;
    Ok(file)
}

fn rpm(work: &BuildOutput, program: &str) -> Result<PathBuf, String> {
    let arch = std::env::consts::ARCH;
    let file = work.out.join(format!("{program}-{VERSION}-1.{arch}.rpm"));
    let mut generate = shell::command(&CARGO_GENERATE_RPM.install()?.to_string_lossy(), &[]);
    generate
        .args(["--package", folder(program), "--target-dir"])
        .arg(&work.out)
        .arg("--output")
        .arg(&file)
        .args(["--source-date", &work.epoch]);
    if work.compression == Compression::Fast {
        generate.args(["--payload-compress", "none"]);
    }
    shell::run_command(generate)?;
    Ok(file)
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
