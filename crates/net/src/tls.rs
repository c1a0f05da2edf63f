//! TLS to upstreams, to check URLs and to targets. Certificates are verified against the system's trust store and an
//! upstream's `ca` file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio_rustls::TlsConnector;

use crate::Stream;

/// The trust and the server name for a handshake.
#[derive(Clone)]
pub(crate) struct TlsClient {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    ca: Option<PathBuf>,
}

impl TlsClient {
    /// # Errors
    /// Why it cannot be set up, as a sentence: the file cannot be read or holds no certificate, or the host is not a
    /// valid server name.
    pub(crate) fn new(host: &str, ca: Option<&Path>) -> Result<Self, String> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| format!("{host} is not a name that a certificate can bear"))?;
        Ok(Self {
            config: Arc::new(client_config(ca)?),
            name,
            ca: ca.map(Path::to_owned),
        })
    }

    /// The file with additional trusted authorities.
    pub(crate) fn ca(&self) -> Option<&Path> {
        self.ca.as_deref()
    }
}

/// A configuration that trusts the system's authorities and those in `ca`.
pub(crate) fn client_config(ca: Option<&Path>) -> Result<ClientConfig, String> {
    let extra = match ca {
        None => Vec::new(),
        Some(path) => read_authorities(path)?,
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?;
    let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(extra, provider)
        .map_err(|error| format!("the system's authorities cannot be read: {error}"))?;
    Ok(builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

fn read_authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let authorities: Vec<_> = CertificateDer::pem_file_iter(path)
        .map_err(|error| wrong(&error))?
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(&error))?;
    if authorities.is_empty() {
        return Err(wrong(&"it holds no certificate"));
    }
    Ok(authorities)
}

/// Starts TLS on the stream. Also returns how long the handshake took.
///
/// # Errors
/// Why the handshake failed, as a sentence.
pub(crate) async fn wrap(
    tls: &TlsClient,
    stream: Stream,
    wait: Duration,
) -> Result<(Stream, Duration), String> {
    let started = Instant::now();
    let connector = TlsConnector::from(tls.config.clone());
    match tokio::time::timeout(wait, connector.connect(tls.name.clone(), stream)).await {
        Ok(Ok(wrapped)) => Ok((Stream::Boxed(Box::pin(wrapped)), started.elapsed())),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no answer in time".to_owned()),
    }
}

/// The limit for a whole handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Starts TLS with `host` on a stream, verified by the system's trust store, within 10 s.
///
/// # Errors
/// Why it failed, as a sentence.
pub async fn connect_tls(stream: Stream, host: &str) -> Result<Stream, String> {
    let name = host.to_owned();
    // It reads files.
    let tls = tokio::task::spawn_blocking(move || TlsClient::new(&name, None))
        .await
        .map_err(|error| error.to_string())??;
    let (stream, _) = wrap(&tls, stream, HANDSHAKE)
        .await
        .map_err(|what| format!("TLS to {host} failed: {what}"))?;
    Ok(stream)
}
