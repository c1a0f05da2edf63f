//! The client of an inspected origin: judges its certificate, and notices where it asks for one of the client's.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, ClientConfig, SignatureScheme};
use rustls_pki_types::{CertificateDer, UnixTime};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use super::fault::CertificateFault;
use super::origin_verifier::{Faults, OriginVerifier};
use crate::client::{Verifier, server_name};
use crate::error::{LoadError, LoadErrorKind};
use crate::prefixed::Prefixed;
use crate::provider::{Alpn, alpn_ids, provider};
use crate::stream::TlsStream;

/// How inspected origins are connected to.
#[derive(Clone)]
pub struct OriginTls {
    config: Arc<ClientConfig>,
    origin_verifier: Arc<Verifier<OriginVerifier>>,
}

impl fmt::Debug for OriginTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OriginTls").finish_non_exhaustive()
    }
}

/// Why there is no TLS connection with an origin.
#[derive(Debug, thiserror::Error)]
pub enum OriginError {
    /// At least one.
    #[error("the certificate is not acceptable: {}", list(.0))]
    Certificate(Vec<CertificateFault>),
    /// The origin asks for a certificate of the client, which only the client has.
    #[error("the server asks for a client certificate")]
    AsksForCertificate,
    #[error("{0} is not a name that a certificate can bear")]
    Name(String),
    #[error("no answer in time")]
    TimedOut,
    #[error("the TLS handshake failed: {0}")]
    Failed(io::Error),
}

fn list(faults: &[CertificateFault]) -> String {
    let all: Vec<String> = faults.iter().map(ToString::to_string).collect();
    all.join("; ")
}

impl OriginTls {
    /// Origins are judged by the system's authorities and those in the PEM files `trust`. What `own`, the inspection authority,
    /// signed is refused, also where the system trusts it. Blocks on the disk.
    ///
    /// # Errors
    /// A file that cannot be used.
    pub fn new(trust: &[PathBuf], own: CertificateDer<'static>) -> Result<Self, LoadError> {
        let setup = |error: rustls::Error| {
            LoadError::new("".as_ref(), LoadErrorKind::Setup(error.to_string()))
        };
        let origin_verifier = Arc::new(Verifier::new(OriginVerifier::new(trust, own)?));
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(setup)?
            .dangerous()
            .with_custom_certificate_verifier(origin_verifier.clone())
            .with_no_client_auth();
        // A resumed session would link the users and programs that share this configuration.
        config.resumption = Resumption::disabled();
        Ok(Self {
            config: Arc::new(config),
            origin_verifier,
        })
    }

    /// What is wrong with a certificate that a server for `host` shows, as of now, without a connection. Empty: nothing.
    ///
    /// # Errors
    /// No certificate can bear that name.
    pub fn faults_of(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        host: &str,
    ) -> Result<Vec<CertificateFault>, OriginError> {
        let name = server_name(host).map_err(|_| OriginError::Name(host.to_owned()))?;
        let now = UnixTime::now();
        let verified = self
            .origin_verifier
            .verify_server_cert(certificate, chain, &name, &[], now);
        Ok(match verified {
            Ok(_) => Vec::new(),
            Err(error) => faults_in(&error)
                .unwrap_or_else(|| vec![CertificateFault::Other(error.to_string())]),
        })
    }

    /// Runs the handshake until `deadline`. `host` is sent as SNI, unless it is an address.
    ///
    /// # Errors
    /// [`OriginError`].
    pub async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        io: S,
        host: &str,
        alpn: &[Alpn],
        deadline: Instant,
    ) -> Result<TlsStream<S>, OriginError> {
        let name = server_name(host).map_err(|_| OriginError::Name(host.to_owned()))?;
        let asked = Arc::new(NoCertificate::default());
        let mut config = (*self.config).clone();
        config.alpn_protocols = alpn_ids(alpn);
        config.client_auth_cert_resolver = asked.clone();
        let connector = TlsConnector::from(Arc::new(config));
        let connecting = connector.connect(name, Prefixed::new(Bytes::new(), io));
        let connected = timeout_at(deadline, connecting).await;
        match connected.map_err(|_| OriginError::TimedOut)? {
            Ok(_) if asked.was() => Err(OriginError::AsksForCertificate),
            Ok(stream) => Ok(TlsStream::client(stream)),
            Err(error) => Err(match faults(&error) {
                Some(faults) => OriginError::Certificate(faults),
                None if asked.was() => OriginError::AsksForCertificate,
                None => OriginError::Failed(error),
            }),
        }
    }
}

/// What the verifier found; `None`: the handshake failed otherwise.
fn faults(error: &io::Error) -> Option<Vec<CertificateFault>> {
    faults_in(error.get_ref()?.downcast_ref()?)
}

fn faults_in(error: &rustls::Error) -> Option<Vec<CertificateFault>> {
    let rustls::Error::InvalidCertificate(why) = error else {
        return None;
    };
    if let CertificateError::Other(other) = why
        && let Some(faults) = other.0.downcast_ref::<Faults>()
    {
        return Some(faults.0.clone());
    }
    // The signature of the handshake, by the certificate's key.
    Some(vec![CertificateFault::Other(format!("{why:?}"))])
}

/// Offers no client certificate, and records whether the server asked for one.
#[derive(Debug, Default)]
struct NoCertificate(AtomicBool);

impl NoCertificate {
    fn was(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl ResolvesClientCert for NoCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.store(true, Ordering::Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        true
    }
}
