//! NSS databases: of Chromium for the user, and of each Firefox profile. Changed by Mozilla's `certutil`.

use std::fs;
use std::path::{Path, PathBuf};

use super::pem;
use super::store::{
    Authority, StoreFolders, StoreKind, TrustStore, certificate_file, folders_with, sentence,
};
use crate::command::{self, CommandError};

const DATABASE: &str = "cert9.db";
/// Trusted to sign the certificates of servers.
const TRUST: &str = "C,,";
/// Below the home folder: where Firefox keeps its profiles.
const FIREFOX: [&str; 4] = [
    ".mozilla/firefox",
    ".config/mozilla/firefox",
    "snap/firefox/common/.mozilla/firefox",
    ".var/app/org.mozilla.firefox/.mozilla/firefox",
];
/// Below the home folder: databases of Chromium and those like it.
const CHROMIUM: [&str; 2] = [".pki/nssdb", "snap/chromium/current/.pki/nssdb"];

pub(super) fn measure(authority: &Authority, folders: &StoreFolders) -> Vec<TrustStore> {
    let Some(home) = &folders.home else {
        return Vec::new();
    };
    let chromium = CHROMIUM.iter().enumerate().filter_map(|(at, path)| {
        let path = home.join(path);
        // The first is made by the browser when it needs it.
        (at == 0 || path.join(DATABASE).is_file()).then_some(("Chromium", path))
    });
    let firefox = FIREFOX.iter().flat_map(|path| {
        let profiles = folders_with(&home.join(path), DATABASE);
        profiles.into_iter().map(|path| ("Firefox", path))
    });
    chromium
        .chain(firefox)
        .map(|(name, path)| store(authority, name, path))
        .collect()
}

fn store(authority: &Authority, name: &str, path: PathBuf) -> TrustStore {
    let (trusted, problem) = match is_trusted(authority, &path) {
        Ok(trusted) => (Some(trusted), None),
        Err(problem) => (None, Some(problem)),
    };
    let database = database(&path);
    TrustStore {
        id: format!("nss:{}", path.display()),
        kind: StoreKind::Nss,
        name: name.to_owned(),
        writable: trusted.is_some(),
        steps: vec![
            "sudo apt install libnss3-tools  # or nss-tools".to_owned(),
            format!(
                "privet inspect ca | certutil -A -a -d {database} -t {TRUST} -n \"{}\"",
                authority.name
            ),
        ],
        path,
        trusted,
        problem,
    }
}

fn database(path: &Path) -> String {
    format!("sql:{}", path.display())
}

/// Whether the database holds this certificate, trusted for servers.
fn is_trusted(authority: &Authority, path: &Path) -> Result<bool, String> {
    let database = database(path);
    if !path.join(DATABASE).is_file() {
        // What `certutil` says without arguments shows whether it is there.
        return match command::run("certutil", &["-H"]) {
            Err(error @ CommandError::NotRun { .. }) => Err(sentence(error)),
            _ => Ok(false),
        };
    }
    let shown = command::run(
        "certutil",
        &["-L", "-d", &database, "-n", &authority.name, "-a"],
    );
    match shown {
        Ok(text) if pem::contains(&text, &authority.pem) => {}
        Ok(_) => return Ok(false),
        Err(error @ (CommandError::NotRun { .. } | CommandError::TimedOut { .. })) => {
            return Err(sentence(error));
        }
        // It has no entry of that name.
        Err(CommandError::Failed { .. }) => return Ok(false),
    }
    let all = command::run("certutil", &["-L", "-d", &database]).map_err(sentence)?;
    let flags = all
        .lines()
        .find_map(|line| line.trim().strip_prefix(&*authority.name));
    Ok(flags.is_some_and(|flags| {
        let ssl = flags.trim().split(',').next().unwrap_or_default();
        ssl.contains('C')
    }))
}

pub(super) fn change(authority: &Authority, path: &Path, trusted: bool) -> Result<(), String> {
    let database = database(path);
    if !trusted {
        let removed = command::run("certutil", &["-D", "-d", &database, "-n", &authority.name]);
        return removed.map(drop).map_err(sentence);
    }
    if !path.join(DATABASE).is_file() {
        fs::create_dir_all(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let made = command::run("certutil", &["-N", "-d", &database, "--empty-password"]);
        made.map_err(sentence)?;
    }
    let file = certificate_file(authority)?;
    let from = file.path().display().to_string();
    let added = command::run(
        "certutil",
        &[
            "-A",
            "-d",
            &database,
            "-t",
            TRUST,
            "-n",
            &authority.name,
            "-a",
            "-i",
            &from,
        ],
    );
    added.map(drop).map_err(sentence)
}
