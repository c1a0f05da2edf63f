//! TLS clients: whom they trust, what they offer, and the name that is verified.

mod trust;
mod verifier;

pub(crate) use trust::system_with as system_verifier;
pub(crate) use verifier::{PresentedCertificate, Verifier, VerifyCertificate};

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use rustls::client::danger::ServerCertVerifier;
use rustls::sign::SingleCertAndKey;
use rustls::{CertificateError, ClientConfig};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use crate::certificate;
use crate::error::{LoadError, LoadErrorKind};
use crate::prefixed::Prefixed;
use crate::provider::{Alpn, alpn_ids, provider};
use crate::stream::TlsStream;

pub use trust::{Pin, Trust};

/// How a client connects.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClientOptions {
    pub trust: Trust,
    /// Protocols that are offered, most preferred first. Empty: none.
    pub alpn: Vec<Alpn>,
    /// The certificate has to be for this name, instead of the one that is sent as SNI.
    pub verified_name: Option<String>,
    /// PEM files of a certificate and its key, shown where the server asks for one.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// A client's configuration. Sessions are resumed among the connections that share it: make one for each identity that must
/// not be linked to another.
#[derive(Clone)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls").finish_non_exhaustive()
    }
}

impl ClientTls {
    /// Reads what the options name, and for [`Trust::System`] the system's authorities. Blocks on the disk.
    ///
    /// # Errors
    /// A file cannot be used, or the name is not valid.
    pub fn new(options: &ClientOptions) -> Result<Self, LoadError> {
        let setup = |why: String| LoadError::new("".as_ref(), LoadErrorKind::Setup(why));
        let mut verifier: Arc<dyn ServerCertVerifier> = trust::verifier(&options.trust)?;
        if let Some(name) = &options.verified_name {
            let name = server_name(name)
                .map_err(|_| LoadError::new("".as_ref(), LoadErrorKind::BadName(name.clone())))?;
            verifier = Arc::new(Verifier::new(trust::VerifiedName {
                inner: verifier,
                name,
            }));
        }
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| setup(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match &options.certificate {
            None => builder.with_no_client_auth(),
            Some((cert, key)) => {
                let files = certificate::read(cert, key)?;
                let loaded = certificate::parse(&files, cert, key)?;
                let resolver = SingleCertAndKey::from(loaded.key);
                builder.with_client_cert_resolver(Arc::new(resolver))
            }
        };
        config.alpn_protocols = alpn_ids(&options.alpn);
        Ok(Self {
            config: Arc::new(config),
        })
    }

    /// The configuration, for a library that connects by itself.
    pub fn config(&self) -> &Arc<ClientConfig> {
        &self.config
    }

    /// Runs the handshake until `deadline`. `host` is sent as SNI, unless it is an address, and the certificate has to be for
    /// it.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        io: S,
        host: &str,
        deadline: Instant,
    ) -> Result<TlsStream<S>, ClientError> {
        let name = server_name(host).map_err(|_| ClientError::Name(host.to_owned()))?;
        let connector = TlsConnector::from(self.config.clone());
        let connecting = connector.connect(name, Prefixed::new(Bytes::new(), io));
        finish(connecting, deadline).await
    }

    /// As [`Self::connect`], but offers these protocols, most preferred first.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn connect_offering<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        io: S,
        host: &str,
        alpn: &[Alpn],
        deadline: Instant,
    ) -> Result<TlsStream<S>, ClientError> {
        let name = server_name(host).map_err(|_| ClientError::Name(host.to_owned()))?;
        let connector = TlsConnector::from(self.config.clone());
        let connector = connector.with_alpn(alpn_ids(alpn));
        let connecting = connector.connect(name, Prefixed::new(Bytes::new(), io));
        finish(connecting, deadline).await
    }
}

async fn finish<S: AsyncRead + AsyncWrite + Unpin>(
    connecting: tokio_rustls::Connect<Prefixed<S>>,
    deadline: Instant,
) -> Result<TlsStream<S>, ClientError> {
    match timeout_at(deadline, connecting).await {
        Ok(Ok(stream)) => Ok(TlsStream::client(stream)),
        Ok(Err(error)) => Err(ClientError::Failed(error)),
        Err(_) => Err(ClientError::TimedOut),
    }
}

/// Whether a certificate can be for this host.
pub fn is_server_name(host: &str) -> bool {
    server_name(host).is_ok()
}

pub(crate) fn server_name(
    host: &str,
) -> Result<ServerName<'static>, rustls_pki_types::InvalidDnsNameError> {
    let bare = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    ServerName::try_from(bare.unwrap_or(host).to_owned())
}

/// Why a client has no TLS connection.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("{0} is not a name that a certificate can bear")]
    Name(String),
    #[error("no answer in time")]
    TimedOut,
    #[error("{0}")]
    Failed(io::Error),
}

impl ClientError {
    /// Why the server's certificate was not accepted; `None`: it failed otherwise.
    pub fn certificate(&self) -> Option<&CertificateError> {
        let Self::Failed(error) = self else {
            return None;
        };
        match error.get_ref()?.downcast_ref::<rustls::Error>()? {
            rustls::Error::InvalidCertificate(why) => Some(why),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
