//! Java's stores, changed by `keytool`.

use std::path::{Path, PathBuf};

use super::pem;
use super::store::{
    Authority, StoreFolders, StoreKind, TrustStore, certificate_file, folders_with, is_writable,
    sentence,
};
use crate::command;

/// The password that Java's own stores come with; it guards nothing.
const PASSWORD: &str = "changeit";
const STORE: &str = "lib/security/cacerts";
/// The name under which Debian's Java has what is in the system's store.
const DEBIANS_COPY: &str = "debian:privet-inspection.pem";
/// Where distributions install Java.
const INSTALLED: &str = "/usr/lib/jvm";

pub(super) fn measure(authority: &Authority, folders: &StoreFolders) -> Vec<TrustStore> {
    let mut paths: Vec<PathBuf> = match &folders.java_home {
        Some(home) => vec![home.join(STORE)],
        None if folders.only_these => Vec::new(),
        None => folders_with(Path::new(INSTALLED), STORE)
            .into_iter()
            .map(|folder| folder.join(STORE))
            .collect(),
    };
    // Several installations share one store by links.
    for path in &mut paths {
        if let Ok(real) = path.canonicalize() {
            *path = real;
        }
    }
    paths.sort();
    paths.dedup();
    paths.retain(|path| path.is_file());
    paths
        .into_iter()
        .map(|path| store(authority, path, folders))
        .collect()
}

fn store(authority: &Authority, path: PathBuf, folders: &StoreFolders) -> TrustStore {
    let (trusted, problem) = match is_trusted(authority, &path, folders) {
        Ok(trusted) => (Some(trusted), None),
        Err(problem) => (None, Some(problem)),
    };
    TrustStore {
        id: format!("java:{}", path.display()),
        kind: StoreKind::Java,
        name: "Java".to_owned(),
        writable: trusted.is_some() && is_writable(&path),
        steps: vec![format!(
            "privet inspect ca | sudo keytool -importcert -noprompt -keystore {} -storepass {PASSWORD} -alias \"{}\"",
            path.display(),
            alias(authority)
        )],
        path,
        trusted,
        problem,
    }
}

/// Java stores names in lower case.
fn alias(authority: &Authority) -> String {
    authority.name.to_lowercase()
}

fn keytool(folders: &StoreFolders) -> String {
    let own = folders
        .java_home
        .as_ref()
        .map(|home| home.join("bin/keytool"));
    let own = own.filter(|path| path.is_file());
    own.map_or_else(|| "keytool".to_owned(), |path| path.display().to_string())
}

/// Whether the store holds this certificate, under whatever name.
fn is_trusted(authority: &Authority, path: &Path, folders: &StoreFolders) -> Result<bool, String> {
    let path = path.display().to_string();
    let arguments = ["-list", "-rfc", "-keystore", &path, "-storepass", PASSWORD];
    let listed = command::run(&keytool(folders), &arguments);
    listed
        .map(|text| pem::contains(&text, &authority.pem))
        .map_err(sentence)
}

pub(super) fn change(
    authority: &Authority,
    path: &Path,
    trusted: bool,
    folders: &StoreFolders,
) -> Result<(), String> {
    let (path, alias) = (path.display().to_string(), alias(authority));
    let keytool = keytool(folders);
    let common = ["-keystore", &path, "-storepass", PASSWORD, "-alias"];
    if !trusted {
        let delete = |alias: &str| {
            let arguments = [&["-delete"], &common[..], &[alias]].concat();
            command::run(&keytool, &arguments)
        };
        // Debian copies what was in the system's store.
        let copied = delete(DEBIANS_COPY).is_ok();
        return match delete(&alias) {
            Err(error) if !copied => Err(sentence(error)),
            _ => Ok(()),
        };
    }
    let file = certificate_file(authority)?;
    let from = file.path().display().to_string();
    let import = ["-importcert", "-noprompt", "-file", &from];
    let arguments = [&import[..], &common[..], &[&alias]].concat();
    command::run(&keytool, &arguments)
        .map(drop)
        .map_err(sentence)
}
