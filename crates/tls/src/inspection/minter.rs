//! Mints a certificate for each inspected host, and runs the handshake with the client.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use rcgen::{DnType, Issuer, KeyPair, SerialNumber};
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SigningKey, SingleCertAndKey};
use rustls::{AlertDescription, ServerConfig};
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsAcceptor;

use super::authority::InspectionAuthority;
use super::leaf_cache::{Leaf, LeafCache};
use crate::names::CertificateName;
use crate::prefixed::Prefixed;
use crate::provider::{Alpn, alpn_ids, provider};
use crate::self_signed::make::{self, DAY};
use crate::stream::TlsStream;

/// The most minted certificates that are kept.
pub const LEAVES: usize = 1000;
/// How long a minted certificate is valid.
const LEAF_VALIDITY: Duration = DAY.saturating_mul(7);
/// How long it is shown: well before its end, for clients whose clocks are fast.
const SHOWN_FOR: Duration = DAY.saturating_mul(3);
/// Bytes of a serial number (RFC 5280 allows 20).
const SERIAL: usize = 16;
/// The longest common name (RFC 5280, appendix A.1: ub-common-name).
const MAX_COMMON_NAME: usize = 64;

/// No certificate could be minted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no certificate can be made: {0}")]
pub struct MintError(pub String);

/// Mints certificates by the installation's authority.
pub struct Minter {
    issuer: Issuer<'static, KeyPair>,
    authority_end: SystemTime,
    /// The key of all minted certificates: it never leaves the process either.
    key: KeyPair,
    signing_key: Arc<dyn SigningKey>,
    /// What all servers have in common. Session tickets hold the server name, and are refused for another.
    base: ServerConfig,
    leaves: LeafCache,
}

impl fmt::Debug for Minter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Minter").finish_non_exhaustive()
    }
}

impl Minter {
    /// A minter that keeps at most `leaves` certificates.
    ///
    /// # Errors
    /// The authority's certificate cannot sign, or TLS cannot be set up.
    pub fn new(authority: InspectionAuthority, leaves: usize) -> Result<Self, MintError> {
        let stored = authority.stored;
        let authority_end = stored.facts.not_after;
        let issuer = Issuer::from_ca_cert_der(&stored.certificate, stored.key).map_err(text)?;
        let key = make::new_key().map_err(MintError)?;
        let der = PrivatePkcs8KeyDer::from(key.serialize_der());
        let signing_key = provider()
            .key_provider
            .load_private_key(der.into())
            .map_err(text)?;
        // Replaced for each certificate.
        let nothing = Arc::new(rustls::server::ResolvesServerCertUsingSni::new());
        let mut base = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(text)?
            .with_no_client_auth()
            .with_cert_resolver(nothing);
        base.alpn_protocols = alpn_ids(&[Alpn::H2, Alpn::Http11]);
        base.ticketer = Ticketer::new().map_err(text)?;
        base.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Self {
            issuer,
            authority_end,
            key,
            signing_key,
            base,
            leaves: LeafCache::new(leaves),
        })
    }

    /// The certificates that are kept.
    pub fn kept(&self) -> usize {
        self.leaves.len()
    }

    /// The server that shows a certificate for this name: kept from before, or minted now.
    pub(super) fn server(
        &self,
        name: &CertificateName,
        now: SystemTime,
    ) -> Result<Arc<ServerConfig>, MintError> {
        self.leaves.get_or_mint(name, now, || self.mint(name, now))
    }

    /// Mints a certificate ahead of the first client.
    ///
    /// # Errors
    /// The name cannot be in a certificate.
    pub fn warm(&self, name: &CertificateName, now: SystemTime) -> Result<(), MintError> {
        self.server(name, now).map(drop)
    }

    fn mint(&self, name: &CertificateName, now: SystemTime) -> Result<Leaf, MintError> {
        let certificate = self.certificate(name, now)?;
        let key = CertifiedKey::new(vec![certificate], self.signing_key.clone());
        let mut config = self.base.clone();
        config.cert_resolver = Arc::new(SingleCertAndKey::from(key));
        Ok(Leaf {
            config: Arc::new(config),
            until: (now + SHOWN_FOR).min(self.authority_end),
        })
    }

    /// A new certificate for this name.
    ///
    /// # Errors
    /// The name cannot be in a certificate.
    pub fn certificate(
        &self,
        name: &CertificateName,
        now: SystemTime,
    ) -> Result<CertificateDer<'static>, MintError> {
        let end = (now + LEAF_VALIDITY).min(self.authority_end);
        let names = std::slice::from_ref(name);
        let mut params = make::leaf_params(names, now, end).map_err(MintError)?;
        let shown = name.to_string();
        if shown.len() <= MAX_COMMON_NAME {
            params.distinguished_name.push(DnType::CommonName, shown);
        }
        // All have one key, from which the number would be made otherwise: clients refuse two certificates with one number.
        params.serial_number = Some(serial_number()?);
        let made = params.signed_by(&self.key, &self.issuer).map_err(text)?;
        Ok(made.der().clone())
    }

    /// Runs the handshake with a client that wants to reach `name`, until `deadline`. `received`: bytes of the client that
    /// were read already. HTTP/2 and HTTP/1.1 are offered.
    ///
    /// # Errors
    /// [`ClientHandshakeError`].
    pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        io: S,
        received: Bytes,
        name: &CertificateName,
        deadline: Instant,
    ) -> Result<TlsStream<S>, ClientHandshakeError> {
        let config = self.server(name, SystemTime::now());
        let acceptor = TlsAcceptor::from(config.map_err(ClientHandshakeError::Mint)?);
        let accepting = acceptor.accept(Prefixed::new(received, io));
        match timeout_at(deadline, accepting.into_fallible()).await {
            Ok(Ok(stream)) => Ok(TlsStream::minted(stream)),
            Ok(Err((error, io))) => Err(match ClientRefusal::of(&error) {
                Some(refusal) => ClientHandshakeError::Refused(refusal),
                // It has the certificate, and neither went on nor said why.
                None if io.has_written() && is_end(&error) => {
                    ClientHandshakeError::Refused(ClientRefusal::ClosedAtCertificate)
                }
                None => ClientHandshakeError::Failed(error),
            }),
            Err(_) => Err(ClientHandshakeError::TimedOut),
        }
    }
}

/// How a client refused the minted certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientRefusal {
    Alert(AlertDescription),
    /// It closed the connection where its answer to the certificate was due.
    ClosedAtCertificate,
    /// It finished the handshake, and closed the connection without having sent anything.
    ClosedUnused,
}

impl ClientRefusal {
    /// Whether the error of a read or of a handshake is an alert about the certificate (RFC 8446, section 6.2).
    pub fn of(error: &io::Error) -> Option<Self> {
        use AlertDescription as A;
        match error.get_ref()?.downcast_ref::<rustls::Error>()? {
            rustls::Error::AlertReceived(
                alert @ (A::UnknownCA
                | A::BadCertificate
                | A::CertificateUnknown
                | A::UnsupportedCertificate
                | A::CertificateRevoked
                | A::CertificateExpired
                | A::AccessDenied),
            ) => Some(Self::Alert(*alert)),
            _ => None,
        }
    }

    /// Whether the client said nothing: it may have closed the connection for another reason.
    pub fn is_silent(self) -> bool {
        !matches!(self, Self::Alert(_))
    }
}

impl fmt::Display for ClientRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Alert(AlertDescription::UnknownCA) => "it does not trust the authority",
            Self::Alert(AlertDescription::BadCertificate) => {
                "it takes the certificate for a bad one"
            }
            Self::Alert(AlertDescription::CertificateUnknown) => {
                "it does not accept the certificate"
            }
            Self::Alert(_) => "it refused the certificate",
            Self::ClosedAtCertificate => "it closed the connection at the certificate",
            Self::ClosedUnused => "it closed the connection right after the handshake",
        })
    }
}

fn is_end(error: &io::Error) -> bool {
    use io::ErrorKind as K;
    matches!(
        error.kind(),
        K::UnexpectedEof | K::ConnectionReset | K::ConnectionAborted | K::BrokenPipe
    )
}

/// Why there is no TLS connection with the client.
#[derive(Debug, thiserror::Error)]
pub enum ClientHandshakeError {
    #[error("the client refused the certificate: {0}")]
    Refused(ClientRefusal),
    #[error("{0}")]
    Mint(MintError),
    #[error("the TLS handshake took too long")]
    TimedOut,
    #[error("the TLS handshake failed: {0}")]
    Failed(io::Error),
}

fn serial_number() -> Result<SerialNumber, MintError> {
    let mut bytes = [0; SERIAL];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| MintError("no random bytes".to_owned()))?;
    // Positive, and without a zero that would be left out (RFC 5280, section 4.1.2.2).
    let [first, ..] = &mut bytes;
    *first = *first & 0x3f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

fn text(error: impl fmt::Display) -> MintError {
    MintError(error.to_string())
}
