//! The built programs, and where the packages are made.

use std::fs;
use std::path::PathBuf;

use crate::shell;

pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The built programs and the folder of the packages.
pub struct BuildOutput {
    /// The folder with `privet` and, where it was built, `privet-desktop`.
    pub binaries: PathBuf,
    /// Emptied at the start. Laid out like a build folder for the packers: programs and staged files are in `release`,
    /// whatever their profile.
    pub out: PathBuf,
    /// Modification time of every file inside, in seconds since 1970, so that builds are reproducible.
    pub epoch: String,
    pub compression: Compression,
}

/// How the packages are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Small, for downloads.
    Small,
    /// Fast, for checks.
    Fast,
}

impl BuildOutput {
    pub fn new(profile_folder: &str, compression: Compression) -> Result<Self, String> {
        let target = shell::target_dir();
        let out = target.join("package").join(profile_folder);
        if out.exists() {
            fs::remove_dir_all(&out).map_err(|error| format!("{}: {error}", out.display()))?;
        }
        fs::create_dir_all(out.join("release"))
            .map_err(|error| format!("{}: {error}", out.display()))?;
        let epoch = shell::output("git", &["log", "-1", "--format=%ct"])
            .ok_or("git does not tell the time of the last commit")?;
        Ok(Self {
            binaries: target.join(profile_folder),
            out,
            epoch,
            compression,
        })
    }

    /// Whether the window was built.
    pub fn has_window(&self) -> bool {
        self.binaries.join("privet-desktop").exists()
    }

    pub fn programs(&self) -> &'static [&'static str] {
        match self.has_window() {
            true => &["privet", "privet-desktop"],
            false => &["privet"],
        }
    }
}
