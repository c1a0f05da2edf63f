//! Whom a client trusts. Verifies servers' certificates: by authorities, or by a pin.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{ServerCertVerified, ServerCertVerifier};
use rustls::{CertificateError, Error, OtherError, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName};

use super::verifier::{PresentedCertificate, Verifier, VerifyCertificate};
use crate::certificate::{CertificateFacts, Fingerprint};
use crate::error::{LoadError, LoadErrorKind};
use crate::pem;
use crate::provider::provider;

/// Whose certificates are accepted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Trust {
    /// Those that the operating system accepts.
    #[default]
    System,
    /// Those, and those signed by the authorities in a PEM file.
    SystemAnd(PathBuf),
    /// Only those signed by the authorities in a PEM file.
    Only(PathBuf),
    /// Only certificates with one of these digests. Names, validity and authorities are not looked at.
    Pinned(Vec<Pin>),
}

/// A digest that identifies a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pin {
    /// SHA-256 of the certificate.
    Certificate(Fingerprint),
    /// SHA-256 of the public key (subjectPublicKeyInfo), which a renewed certificate may keep.
    Key(Fingerprint),
}

pub(super) fn verifier(trust: &Trust) -> Result<Arc<dyn ServerCertVerifier>, LoadError> {
    Ok(match trust {
        Trust::System => system(Vec::new(), "".as_ref())?,
        Trust::SystemAnd(path) => system(authorities(path)?, path)?,
        Trust::Only(path) => only(authorities(path)?, path)?,
        Trust::Pinned(pins) => Arc::new(Verifier::new(Pinned(pins.clone()))),
    })
}

/// The system's authorities, and those in these PEM files.
pub(crate) fn system_with(paths: &[PathBuf]) -> Result<Arc<dyn ServerCertVerifier>, LoadError> {
    let mut extra = Vec::new();
    for path in paths {
        extra.append(&mut authorities(path)?);
    }
    let first = paths.first().map_or(Path::new(""), PathBuf::as_path);
    system(extra, first)
}

fn authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, LoadError> {
    pem::certificates(path, &pem::read_file(path)?)
}

fn system(
    extra: Vec<CertificateDer<'static>>,
    path: &Path,
) -> Result<Arc<dyn ServerCertVerifier>, LoadError> {
    let made = rustls_platform_verifier::Verifier::new_with_extra_roots(extra, provider());
    let verifier = made.map_err(|error| {
        let why = format!("the system's authorities cannot be read: {error}");
        LoadError::new(path, LoadErrorKind::Setup(why))
    })?;
    Ok(Arc::new(verifier))
}

fn only(
    authorities: Vec<CertificateDer<'static>>,
    path: &Path,
) -> Result<Arc<dyn ServerCertVerifier>, LoadError> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority).map_err(|error| {
            LoadError::new(path, LoadErrorKind::BadCertificate(error.to_string()))
        })?;
    }
    let built = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build();
    let verifier =
        built.map_err(|error| LoadError::new(path, LoadErrorKind::Setup(error.to_string())))?;
    Ok(verifier)
}

/// Verifies for another name than the one that was sent.
#[derive(Debug)]
pub(super) struct VerifiedName {
    pub(super) inner: Arc<dyn ServerCertVerifier>,
    pub(super) name: ServerName<'static>,
}

impl VerifyCertificate for VerifiedName {
    fn verify(&self, shown: PresentedCertificate<'_>) -> Result<ServerCertVerified, Error> {
        let name = &self.name;
        PresentedCertificate { name, ..shown }.verified_by(&*self.inner)
    }
}

/// Accepts certificates by their digest. The server still proves that it has the key.
#[derive(Debug)]
struct Pinned(Vec<Pin>);

/// The certificate has none of the pinned digests.
#[derive(Debug, thiserror::Error)]
#[error("the server's certificate is not the pinned one")]
struct NotPinned;

impl VerifyCertificate for Pinned {
    fn verify(&self, shown: PresentedCertificate<'_>) -> Result<ServerCertVerified, Error> {
        let facts = CertificateFacts::read(shown.certificate)
            .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let is_pinned = self.0.iter().any(|pin| match pin {
            Pin::Certificate(digest) => *digest == facts.fingerprint,
            Pin::Key(digest) => *digest == facts.key_fingerprint,
        });
        match is_pinned {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(Error::InvalidCertificate(CertificateError::Other(
                OtherError(Arc::new(NotPinned)),
            ))),
        }
    }
}
