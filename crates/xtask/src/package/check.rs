//! The packages on a copy of this system: installed, used, taken away.

use std::path::Path;

use super::{Squeeze, Work, pack};
use crate::shell::{self, Done};

/// Packs the plain build and installs it where nothing of this system can be hurt.
///
/// # Errors
/// Something is not as `packaging/installs.sh` asks.
pub fn check() -> Done {
    if shell::output("id", &["-u"]).as_deref() != Some("0") {
        println!("packages are installed by root only: not tried here");
        return Ok(());
    }
    let work = Work::new("debug", Squeeze::Quick)?;
    let made = pack(&work)?;
    let scratch = tempfile::tempdir().map_err(|error| error.to_string())?;
    let script = shell::root().join("crates/xtask/packaging/installs.sh");
    let mut run = shell::command(
        "unshare",
        &["--mount", "--net", "--pid", "--fork", "sh", "-eu"],
    );
    run.arg(script).arg(scratch.path());
    run.args(made.iter().map(|file| Path::new(file).as_os_str()));
    shell::run_command(run)
}
