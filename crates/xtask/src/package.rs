//! `cargo xtask package`: a .deb of the engine, one of the window, and a tarball of both, with all that a desktop and a
//! shell look for. `cargo xtask package check` builds them from a plain build, installs them on a copy of this system
//! and takes them away again.

mod check;
mod deb;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};

use crate::shell::{self, Done};
use crate::{needs, page};

pub use check::check;

pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What is being packed: where it was built, and where the packages go.
pub struct Work {
    /// The folder with `privet` and, where it was built, `privet-desktop`.
    pub binaries: PathBuf,
    pub out: PathBuf,
    /// Seconds since 1970 that every file inside carries, so that the same tree packs to the same bytes.
    pub epoch: String,
    pub squeeze: Squeeze,
}

/// How hard the packages are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Squeeze {
    /// For whoever downloads them.
    Small,
    /// For a look at them.
    Quick,
}

impl Work {
    fn new(profile_folder: &str, squeeze: Squeeze) -> Result<Self, String> {
        let target = shell::target_dir();
        let out = target.join("package").join(profile_folder);
        if out.exists() {
            fs::remove_dir_all(&out).map_err(|error| format!("{}: {error}", out.display()))?;
        }
        fs::create_dir_all(&out).map_err(|error| format!("{}: {error}", out.display()))?;
        let epoch = shell::output("git", &["log", "-1", "--format=%ct"])
            .ok_or("git does not tell the time of the last commit")?;
        Ok(Self {
            binaries: target.join(profile_folder),
            out,
            epoch,
            squeeze,
        })
    }

    /// Whether the window was built.
    pub fn has_window(&self) -> bool {
        self.binaries.join("privet-desktop").exists()
    }
}

/// Builds the release and packs it; prints what lies where and how large it is.
///
/// # Errors
/// A build failed, or a tool is missing.
pub fn package() -> Done {
    needs::ensure(&[needs::BUILD, needs::DESKTOP, needs::PACKAGE])?;
    page::build()?;
    for package in ["privet", "privet-desktop"] {
        shell::run("cargo", &["build", "--release", "--locked", "-p", package])?;
    }
    let work = Work::new("release", Squeeze::Small)?;
    let made = pack(&work)?;
    println!();
    for name in ["privet", "privet-desktop"] {
        tell(&work.binaries.join(name))?;
    }
    made.iter().try_for_each(|file| tell(file))
}

/// All packages of what was built.
fn pack(work: &Work) -> Result<Vec<PathBuf>, String> {
    let mut made = vec![deb::engine(work)?];
    if work.has_window() {
        made.push(deb::window(work)?);
    }
    made.push(tree::tarball(work)?);
    Ok(made)
}

fn tell(file: &Path) -> Done {
    let size = fs::metadata(file).map_err(|error| format!("{}: {error}", file.display()))?;
    println!(
        "{:8.2} MiB  {}",
        size.len() as f64 / f64::from(1 << 20),
        file.display()
    );
    Ok(())
}
