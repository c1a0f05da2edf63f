//! The system's store: a bundle that programs read, made from a folder of files by a program of the distribution.

use std::fs;
use std::path::{Path, PathBuf};

use super::pem;
use super::store::{Authority, StoreKind, TrustStore, sentence};
use crate::command;

/// The bundle and the folder of each kind of distribution, and the program that makes the one from the other.
const KINDS: [(&str, &str, &str, &[&str]); 3] = [
    (
        "/etc/ssl/certs/ca-certificates.crt",
        "/usr/local/share/ca-certificates",
        "update-ca-certificates",
        &[],
    ),
    (
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/pki/ca-trust/source/anchors",
        "update-ca-trust",
        &["extract"],
    ),
    (
        "/etc/ssl/ca-bundle.pem",
        "/etc/pki/trust/anchors",
        "update-ca-certificates",
        &[],
    ),
];
/// The name of our file.
const FILE: &str = "privet-inspection.crt";
/// A larger bundle is not read, in bytes.
const MAX_BUNDLE: u64 = 16 * 1024 * 1024;

struct SystemStore {
    bundle: &'static Path,
    folder: &'static Path,
    program: &'static str,
    arguments: &'static [&'static str],
}

fn find() -> Option<SystemStore> {
    let known = KINDS
        .into_iter()
        .map(|(bundle, folder, program, arguments)| SystemStore {
            bundle: Path::new(bundle),
            folder: Path::new(folder),
            program,
            arguments,
        });
    known.into_iter().find(|store| store.bundle.is_file())
}

pub(super) fn measure(authority: &Authority) -> TrustStore {
    let store = find();
    let read = store.as_ref().map(|store| read_bundle(store.bundle));
    let (trusted, problem) = match read {
        Some(Ok(text)) => (Some(pem::contains(&text, &authority.pem)), None),
        Some(Err(error)) => (None, Some(error)),
        None => (
            None,
            Some("this system's store is of a kind that is not known here".to_owned()),
        ),
    };
    let writable = store
        .as_ref()
        .is_some_and(|store| is_writable_folder(store.folder));
    TrustStore {
        id: "system".to_owned(),
        kind: StoreKind::System,
        name: "the system".to_owned(),
        path: store
            .as_ref()
            .map_or_else(PathBuf::new, |store| store.bundle.to_owned()),
        trusted,
        problem,
        writable,
        steps: steps(store.as_ref()),
    }
}

fn steps(store: Option<&SystemStore>) -> Vec<String> {
    match store {
        Some(store) => vec![
            format!("privet inspect ca | sudo tee {}/{FILE}", store.folder.display()),
            format!("sudo {} {}", store.program, store.arguments.join(" ")).trim_end().to_owned(),
        ],
        None if cfg!(target_os = "macos") => vec![
            "privet inspect ca > privet-inspection.pem".to_owned(),
            "sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain privet-inspection.pem"
                .to_owned(),
        ],
        None if cfg!(windows) => vec![
            "privet inspect ca > privet-inspection.pem".to_owned(),
            "certutil -user -addstore Root privet-inspection.pem".to_owned(),
        ],
        None => vec!["privet inspect ca > privet-inspection.pem".to_owned()],
    }
}

pub(super) fn change(authority: &Authority, trusted: bool) -> Result<(), String> {
    let store = find().ok_or("this system's store is of a kind that is not known here")?;
    let file = store.folder.join(FILE);
    let changed = match trusted {
        true => fs::write(&file, &authority.pem),
        false => fs::remove_file(&file),
    };
    changed.map_err(|error| format!("{}: {error}", file.display()))?;
    // Links to a file that is gone stay otherwise.
    let arguments = match (trusted, store.program) {
        (false, "update-ca-certificates") => &["--fresh"],
        _ => store.arguments,
    };
    let run = command::run_long(store.program, arguments);
    run.map(drop).map_err(sentence)
}

fn read_bundle(path: &Path) -> Result<String, String> {
    let fail = |error: std::io::Error| format!("{}: {error}", path.display());
    let size = fs::metadata(path).map_err(fail)?.len();
    if size > MAX_BUNDLE {
        return Err(format!("{} is too large", path.display()));
    }
    fs::read(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .map_err(fail)
}

/// Whether a file can be made in the folder.
fn is_writable_folder(folder: &Path) -> bool {
    folder.is_dir() && tempfile::Builder::new().tempfile_in(folder).is_ok()
}
