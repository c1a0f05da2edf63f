//! Makes the packages from a build.

use std::path::PathBuf;

use super::build_output::{BuildOutput, Compression, VERSION};
use super::{stage, tarball};
use crate::shell;
use crate::tools::{CARGO_DEB, CARGO_GENERATE_RPM};

/// Makes all packages: .deb, .rpm, tarball.
pub(super) fn pack(work: &BuildOutput) -> Result<Vec<PathBuf>, String> {
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
