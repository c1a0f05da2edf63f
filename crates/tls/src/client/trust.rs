//! Whom a client trusts. Verifies servers' certificates: by authorities, or by a pin.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

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
        Trust::Pinned(pins) => Arc::new(PinVerifier {
            pins: pins.clone(),
            provider: provider(),
        }),
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

impl ServerCertVerifier for VerifiedName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _sent: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.inner
            .verify_server_cert(end_entity, intermediates, &self.name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Accepts certificates by their digest. The server still proves that it has the key.
#[derive(Debug)]
struct PinVerifier {
    pins: Vec<Pin>,
    provider: Arc<CryptoProvider>,
}

/// The certificate has none of the pinned digests.
#[derive(Debug, thiserror::Error)]
#[error("the server's certificate is not the pinned one")]
struct NotPinned;

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let facts = CertificateFacts::read(end_entity)
            .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let is_pinned = self.pins.iter().any(|pin| match pin {
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

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}
