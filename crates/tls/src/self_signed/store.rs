//! A certificate and its key in one PEM file, so that the two cannot get out of step.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rcgen::KeyPair;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::error::SelfSignedError;
use crate::certificate::{CertificateFacts, Fingerprint};
use crate::pem;

pub(crate) struct KeyPairFile(PathBuf);

/// A certificate with its key.
pub(crate) struct Stored {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) key: KeyPair,
    pub(crate) facts: CertificateFacts,
}

impl Stored {
    /// # Errors
    /// The certificate is not valid, or the key is not its.
    pub(crate) fn new(certificate: CertificateDer<'static>, key: KeyPair) -> Result<Self, String> {
        use rcgen::PublicKeyData;
        let facts = CertificateFacts::read(&certificate)?;
        if Fingerprint::of(&key.subject_public_key_info()) != facts.key_fingerprint {
            return Err("the key is not the certificate's".to_owned());
        }
        Ok(Self {
            certificate,
            key,
            facts,
        })
    }

    /// `path`: where the text is from, for errors.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub(crate) fn from_pem(path: &Path, bytes: &[u8]) -> Result<Self, String> {
        let certificates = pem::certificates(path, bytes).map_err(|error| error.to_string())?;
        let key = PrivateKeyDer::from_pem_slice(bytes).map_err(|error| error.to_string())?;
        let key = KeyPair::try_from(&key).map_err(|error| error.to_string())?;
        let certificate = certificates.into_iter().next().ok_or("no certificate")?;
        Self::new(certificate, key)
    }

    /// The certificate and its key.
    pub(crate) fn pem(&self) -> String {
        format!("{}{}", self.certificate_pem(), self.key.serialize_pem())
    }

    pub(crate) fn certificate_pem(&self) -> String {
        pem_text("CERTIFICATE", &self.certificate)
    }

    /// Whether the authority's key made the signature.
    pub(crate) fn is_signed_by(&self, authority: &Self) -> bool {
        let parsed = (
            X509Certificate::from_der(&self.certificate),
            X509Certificate::from_der(&authority.certificate),
        );
        match parsed {
            (Ok((_, leaf)), Ok((_, authority))) => {
                leaf.verify_signature(Some(authority.public_key())).is_ok()
            }
            _ => false,
        }
    }
}

impl KeyPairFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn into_path(self) -> PathBuf {
        self.0
    }

    /// `None`: there is no file.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub(crate) fn read(&self) -> Result<Option<Stored>, String> {
        if !self.0.exists() {
            return Ok(None);
        }
        let bytes = pem::read_file(&self.0).map_err(|error| error.to_string())?;
        Stored::from_pem(&self.0, &bytes).map(Some)
    }

    pub(crate) fn write(&self, stored: &Stored) -> Result<(), SelfSignedError> {
        write(&self.0, &stored.pem())
    }

    /// Renames the file to `NAME.corrupt`, replacing an earlier one. Returns the new path.
    pub(crate) fn set_aside(&self) -> Result<PathBuf, SelfSignedError> {
        let mut name = OsString::from(&self.0);
        name.push(".corrupt");
        let aside = PathBuf::from(name);
        fs::rename(&self.0, &aside).map_err(|source| SelfSignedError::File {
            path: self.0.clone(),
            source,
        })?;
        Ok(aside)
    }
}

/// Writes the file where its content is not `text` already.
pub(crate) fn write_if_different(path: &Path, text: &str) -> Result<(), SelfSignedError> {
    match fs::read(path) {
        Ok(old) if old == text.as_bytes() => Ok(()),
        _ => write(path, text),
    }
}

/// Replaces the file's content atomically. It is readable by its owner only.
fn write(path: &Path, text: &str) -> Result<(), SelfSignedError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let written = || -> io::Result<()> {
        make_folder(folder)?;
        // Made with mode 0600.
        let mut file = tempfile::Builder::new()
            .prefix(".privet-")
            .suffix(".new")
            .tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        #[cfg(unix)]
        fs::File::open(folder)?.sync_all()?;
        Ok(())
    };
    written().map_err(|source| SelfSignedError::File {
        path: path.to_owned(),
        source,
    })
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// PEM (RFC 7468).
fn pem_text(label: &str, der: &[u8]) -> String {
    use std::fmt::Write as _;

    use base64::Engine as _;
    let mut text = format!("-----BEGIN {label}-----\n");
    let encoded = base64::engine::general_purpose::STANDARD.encode(der);
    for line in encoded.as_bytes().chunks(64) {
        let _ = writeln!(text, "{}", String::from_utf8_lossy(line));
    }
    let _ = writeln!(text, "-----END {label}-----");
    text
}
