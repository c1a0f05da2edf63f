//! Stores of trusted certificate authorities: the system's, those of Firefox and Chromium (NSS), and Java's. Whether an
//! authority is in one is measured; it is added and removed where that needs no other rights than ours.

mod java;
mod nss;
mod pem;
mod system_store;

use std::path::{Path, PathBuf};

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

/// Measures all stores. Blocks: it runs programs.
pub fn measure(authority: &Authority, folders: &StoreFolders) -> Vec<TrustStore> {
    let mut system = system_store::measure(authority);
    system.writable &= !folders.only_these;
    let mut all = vec![system];
    all.extend(nss::measure(authority, folders));
    all.extend(java::measure(authority, folders));
    all
}

/// Adds the authority to a store, or removes it. Blocks: it runs programs.
///
/// # Errors
/// What failed, as a sentence.
pub fn change(
    authority: &Authority,
    store: &TrustStore,
    trusted: bool,
    folders: &StoreFolders,
) -> Result<(), String> {
    if store.trusted == Some(trusted) {
        return Ok(());
    }
    if !store.writable {
        return Err("it cannot be changed by this user".to_owned());
    }
    match store.kind {
        StoreKind::System => system_store::change(authority, trusted),
        StoreKind::Nss => nss::change(authority, &store.path, trusted),
        StoreKind::Java => java::change(authority, &store.path, trusted, folders),
    }
}

fn sentence(error: CommandError) -> String {
    error.to_string()
}

/// Whether this user may write the file.
fn is_writable(path: &Path) -> bool {
    std::fs::OpenOptions::new().append(true).open(path).is_ok()
}

/// The folders below `parent` that hold `file`.
fn folders_with(parent: &Path, file: &str) -> Vec<PathBuf> {
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
