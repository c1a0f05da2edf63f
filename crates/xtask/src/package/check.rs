//! Installs, uses and removes the packages on a copy of this system.

use std::fs;
use std::path::PathBuf;

use super::build_output::{BuildOutput, Compression};
use super::pack::pack;
use crate::shell::{self, Done};
use crate::tools;

/// Packs the debug build and installs it in a copy of this system.
///
/// # Errors
/// A check in `packaging/installs.sh` or `packaging/rpm.sh` failed.
pub fn check() -> Done {
    if shell::output("id", &["-u"]).as_deref() != Some("0") {
        return tools::skip("the packages: only root can install them");
    }
    let work = BuildOutput::new("debug", Compression::Fast)?;
    let made = pack(&work)?;
    let (rpms, others): (Vec<PathBuf>, Vec<PathBuf>) = made
        .into_iter()
        .partition(|file| file.extension().is_some_and(|end| end == "rpm"));
    let scratch = work.out.join("scratch");
    fs::create_dir_all(&scratch).map_err(|error| format!("{}: {error}", scratch.display()))?;
    let packaging = shell::root().join("crates/xtask/packaging");
    let mut run = shell::command(
        "unshare",
        &["--mount", "--net", "--pid", "--fork", "sh", "-eu"],
    );
    run.arg(packaging.join("installs.sh")).arg(&scratch);
    run.args(others);
    shell::run_command(run)?;
    let mut run = shell::command("sh", &["-eu"]);
    run.arg(packaging.join("rpm.sh")).args(rpms);
    shell::run_command(run)
}
