//! Embeds the built page (`ui/dist`, made by `npm run build` in `ui`) into the program. Without it the program explains how
//! to build it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let dist = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../../ui/dist");
    // The folder is always there (its `.gitkeep` is in the repository), so that this runs when it changes and not each time.
    println!("cargo::rerun-if-changed={}", dist.display());
    let mut files = Vec::new();
    let dist = dist.canonicalize().unwrap_or(dist);
    if dist.join("index.html").is_file() {
        collect(&dist, &mut files)?;
        files.sort();
    }
    let mut code = String::from("&[\n");
    for file in &files {
        let name = file
            .strip_prefix(&dist)
            .map_err(io::Error::other)?
            .to_string_lossy()
            .replace('\\', "/");
        let gzip = PathBuf::from(format!("{}.gz", file.display()));
        let gzip = if gzip.is_file() {
            format!("Some(include_bytes!({gzip:?}))")
        } else {
            "None".to_owned()
        };
        let _ = writeln!(
            code,
            "Asset {{ name: {name:?}, plain: include_bytes!({file:?}), gzip: {gzip} }},"
        );
    }
    code.push(']');
    let out = Path::new(&env::var("OUT_DIR").unwrap_or_default()).join("page.rs");
    fs::write(out, code)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|end| end != "gz") {
            files.push(path);
        }
    }
    Ok(())
}
