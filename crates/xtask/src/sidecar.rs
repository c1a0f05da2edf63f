//! The engine as the window's sidecar: `bundle.externalBin` of `src-tauri/tauri.conf.json`.

use std::fs;

use crate::page;
use crate::shell::{self, Done};

/// Builds the engine's release and puts it beside the window under the name that Tauri's bundler expects.
///
/// # Errors
/// A build failed, or the file cannot be written.
pub fn sidecar() -> Done {
    page::build()?;
    shell::run("cargo", &["build", "--release", "--locked", "-p", "privet"])?;
    let host = shell::host()?;
    let end = std::env::consts::EXE_SUFFIX;
    let built = shell::target_dir().join(format!("release/privet{end}"));
    let folder = shell::root().join("src-tauri/binaries");
    let placed = folder.join(format!("privet-{host}{end}"));
    fs::create_dir_all(&folder)
        .and_then(|()| fs::copy(&built, &placed))
        .map_err(|error| format!("{}: {error}", placed.display()))?;
    println!("{}", placed.display());
    Ok(())
}
