//! The tarball: both programs and their files in one folder, to be unpacked into `~/.local` without root.

use std::fs;
use std::path::PathBuf;

use super::build_output::{BuildOutput, Compression, VERSION};
use super::stage;
use crate::shell;

/// Creates the tarball in the folder of the packages.
pub fn make(work: &BuildOutput) -> Result<PathBuf, String> {
    let name = format!("privet-{VERSION}-linux-{}", std::env::consts::ARCH);
    let folder = work.out.join(&name);
    stage::engine(work, &folder, "%h/.local/bin")?;
    if work.has_window() {
        stage::window(work, &folder)?;
    }
    let bin = folder.join("bin");
    fs::create_dir_all(&bin).map_err(|error| format!("{}: {error}", bin.display()))?;
    for program in work.programs() {
        let from = work.out.join("release").join(program);
        fs::copy(&from, bin.join(program))
            .map_err(|error| format!("{}: {error}", from.display()))?;
    }
    let file = work.out.join(format!("{name}.tar.gz"));
    let mut tar = shell::command("tar", &["--create", "--sort=name"]);
    tar.arg(match work.compression {
        Compression::Small => "--use-compress-program=gzip -9n",
        Compression::Fast => "--use-compress-program=gzip -1n",
    });
    tar.args(["--owner=0", "--group=0", "--numeric-owner"])
        .arg(format!("--mtime=@{}", work.epoch))
        .arg("--file")
        .arg(&file)
        .arg("--directory")
        .arg(&work.out)
        .arg(&name);
    shell::run_command(tar)?;
    Ok(file)
}
