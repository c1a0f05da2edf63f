//! The rustls configuration of one certificate.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig, version};

use super::certificate_source::{CertificateSource, ClientCertificate, MinVersion};
use crate::certificate::Fingerprint;
use crate::error::{LoadError, LoadErrorKind};
use crate::pem;
use crate::provider::{Alpn, alpn_ids, provider};

/// The file of the authorities of client certificates, as it was read.
pub(super) struct AuthorityFile {
    bytes: Vec<u8>,
    pub(super) content: Fingerprint,
}

/// Reads the authorities of client certificates.
pub(super) fn read_authorities(
    demand: &ClientCertificate,
) -> Result<Option<AuthorityFile>, LoadError> {
    let Some(path) = demand.authorities() else {
        return Ok(None);
    };
    let bytes = pem::read_file(path)?;
    let content = Fingerprint::of(&bytes);
    Ok(Some(AuthorityFile { bytes, content }))
}

/// What verifies client certificates by the authorities that were read.
pub(super) fn client_verifier(
    demand: &ClientCertificate,
    file: Option<&AuthorityFile>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, LoadError> {
    let (Some(path), Some(file)) = (demand.authorities(), file) else {
        return Ok(None);
    };
    let mut roots = RootCertStore::empty();
    for certificate in pem::certificates(path, &file.bytes)? {
        roots.add(certificate).map_err(|error| {
            LoadError::new(path, LoadErrorKind::BadCertificate(error.to_string()))
        })?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
    let builder = match demand {
        ClientCertificate::Required(_) => builder,
        _ => builder.allow_unauthenticated(),
    };
    let verifier = builder
        .build()
        .map_err(|error| LoadError::new(path, LoadErrorKind::Setup(error.to_string())))?;
    Ok(Some(verifier))
}

pub(super) fn server_config(
    source: &CertificateSource,
    key: Arc<CertifiedKey>,
    verifier: Option<Arc<dyn ClientCertVerifier>>,
    alpn: &[Alpn],
) -> Result<ServerConfig, LoadError> {
    let fail = |error: rustls::Error| {
        LoadError::new(&source.cert, LoadErrorKind::Setup(error.to_string()))
    };
    let versions: &[&rustls::SupportedProtocolVersion] = match source.demands.min_version {
        MinVersion::Tls12 => &[&version::TLS13, &version::TLS12],
        MinVersion::Tls13 => &[&version::TLS13],
    };
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)
        .map_err(fail)?;
    let builder = match verifier {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
    config.alpn_protocols = alpn_ids(alpn);
    // Its keys are replaced every six hours and die with the configuration.
    config.ticketer = Ticketer::new().map_err(fail)?;
    // Sessions are in tickets only: nothing is kept for a client.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}
