//! Reads certificates and keys from PEM files.

use std::io;
use std::path::Path;

use rustls_pki_types::pem::{Error, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::{LoadError, LoadErrorKind};

/// Largest certificate or key file, in bytes.
const MAX_FILE: u64 = 1024 * 1024;
/// Most certificates that are read from one file.
const MAX_CERTIFICATES: usize = 10_000;

/// Reads a file of at most [`MAX_FILE`] bytes.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, LoadError> {
    let read = || {
        let bytes = privet_regular_file::read(path, MAX_FILE + 1)?;
        match bytes.len() as u64 > MAX_FILE {
            true => Err(io::Error::other("it is larger than 1 MiB")),
            false => Ok(bytes),
        }
    };
    read().map_err(|error| LoadError::new(path, LoadErrorKind::Read(error.to_string())))
}

/// The certificates in PEM text, in their order.
pub(crate) fn certificates(
    path: &Path,
    bytes: &[u8],
) -> Result<Vec<CertificateDer<'static>>, LoadError> {
    let fail = |kind| LoadError::new(path, kind);
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(bytes)
        .take(MAX_CERTIFICATES)
        .collect::<Result<_, _>>()
        .map_err(|error| fail(LoadErrorKind::Pem(text_of(&error))))?;
    match certificates.is_empty() {
        true => Err(fail(LoadErrorKind::NoCertificate)),
        false => Ok(certificates),
    }
}

/// The first private key in PEM text.
pub(crate) fn private_key(path: &Path, bytes: &[u8]) -> Result<PrivateKeyDer<'static>, LoadError> {
    PrivateKeyDer::from_pem_slice(bytes).map_err(|error| {
        let kind = match error {
            Error::NoItemsFound if is_encrypted(bytes) => LoadErrorKind::EncryptedKey,
            Error::NoItemsFound => LoadErrorKind::NoKey,
            other => LoadErrorKind::Pem(text_of(&other)),
        };
        LoadError::new(path, kind)
    })
}

/// The library's texts show the line's bytes as numbers.
fn text_of(error: &Error) -> String {
    match error {
        Error::MissingSectionEnd { .. } => {
            "an END line is missing: the file may be cut off".to_owned()
        }
        Error::IllegalSectionStart { .. } => "a BEGIN line is malformed".to_owned(),
        other => other.to_string(),
    }
}

fn is_encrypted(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----")
        || text.contains("Proc-Type: 4,ENCRYPTED")
}
