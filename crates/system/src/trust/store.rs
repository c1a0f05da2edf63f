//! What a store of trusted authorities is, and where stores are looked for.

use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::command::CommandError;

/// An authority as stores get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// The certificate in PEM.
    pub pem: String,
    /// Its name in the stores that name their entries.
    pub name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    System,
    Nss,
    Java,
}

impl StoreKind {
    pub fn word(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Nss => "nss",
            Self::Java => "java",
        }
    }
}

/// A store, and what was measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustStore {
    /// "system", or the kind and the path.
    pub id: String,
    pub kind: StoreKind,
    /// Whose it is: "Firefox", "Chromium", "Java", "the system".
    pub name: String,
    pub path: PathBuf,
    /// `None`: it could not be measured.
    pub trusted: Option<bool>,
    /// Why not.
    pub problem: Option<String>,
    /// It can be changed without other rights than ours.
    pub writable: bool,
    /// What to run by hand where it cannot be changed, to add the authority.
    pub steps: Vec<String>,
}

/// Where stores are looked for.
#[derive(Debug, Clone)]
pub struct StoreFolders {
    pub home: Option<PathBuf>,
    pub java_home: Option<PathBuf>,
    /// Only stores below these folders are changed, not those of the whole system.
    pub only_these: bool,
}

impl StoreFolders {
    /// Those of the user who runs this program. `PRIVET_TRUST_STORES=home` keeps tests off the stores of the system.
    pub fn of_user() -> Self {
        let folder = |name: &str| std::env::var_os(name).map(PathBuf::from);
        Self {
            home: folder("HOME"),
            java_home: folder("JAVA_HOME"),
            only_these: std::env::var_os("PRIVET_TRUST_STORES").is_some_and(|text| text == "home"),
        }
    }
}

pub(super) fn sentence(error: CommandError) -> String {
    error.to_string()
}

/// Whether this user may write the file.
pub(super) fn is_writable(path: &Path) -> bool {
    std::fs::OpenOptions::new().append(true).open(path).is_ok()
}

/// The folders below `parent` that hold `file`.
pub(super) fn folders_with(parent: &Path, file: &str) -> Vec<PathBuf> {
    const MOST: usize = 50;
    let Ok(entries) = std::fs::read_dir(parent) else {
        return Vec::new();
    };
    let folders = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut found: Vec<PathBuf> = folders
        .filter(|folder| folder.join(file).is_file())
        .take(MOST)
        .collect();
    found.sort();
    found
}

/// The certificate in a file of its own, which is removed on drop.
pub(super) fn certificate_file(authority: &Authority) -> Result<NamedTempFile, String> {
    let made = || {
        let mut file = tempfile::Builder::new().suffix(".pem").tempfile()?;
        file.write_all(authority.pem.as_bytes())?;
        file.flush()?;
        Ok::<_, std::io::Error>(file)
    };
    made().map_err(|error| format!("no temporary file: {error}"))
}
