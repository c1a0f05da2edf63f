//! TLS to upstreams, to check URLs and to targets. Certificates are verified against the system's trust store and an
//! upstream's `ca` file.

use std::time::{Duration, Instant};

use privet_config::{CertificatePin, Upstream};
use privet_tls::client::is_server_name;
use privet_tls::{Alpn, ClientOptions, ClientTls, Fingerprint, Pin, Trust};

use crate::Stream;

/// The trust and the server name for a handshake.
#[derive(Clone)]
pub(crate) struct TlsClient {
    client: ClientTls,
    options: ClientOptions,
    host: String,
}

impl TlsClient {
    /// # Errors
    /// Why it cannot be set up, as a sentence: the file cannot be read or holds no certificate, or the host is not a
    /// valid server name.
    pub(crate) fn new(host: &str, trust: Trust) -> Result<Self, String> {
        if !is_server_name(host) {
            return Err(format!("{host} is not a name that a certificate can bear"));
        }
        let options = ClientOptions {
            trust,
            ..ClientOptions::default()
        };
        Ok(Self {
            client: ClientTls::new(&options).map_err(|error| error.to_string())?,
            options,
            host: host.to_owned(),
        })
    }

    /// With settings that others share.
    ///
    /// # Errors
    /// The host is not a valid server name.
    pub(crate) fn with_client(
        client: &ClientTls,
        options: &ClientOptions,
        host: &str,
    ) -> Result<Self, String> {
        if !is_server_name(host) {
            return Err(format!("{host} is not a name that a certificate can bear"));
        }
        Ok(Self {
            client: client.clone(),
            options: options.clone(),
            host: host.to_owned(),
        })
    }

    /// What it trusts and offers.
    pub(crate) fn options(&self) -> &ClientOptions {
        &self.options
    }
}

/// Whom an upstream's settings trust.
pub(crate) fn trust_of(upstream: &Upstream) -> Trust {
    let pin = |pin: &CertificatePin| match pin {
        CertificatePin::Certificate(digest) => Pin::Certificate(Fingerprint(*digest)),
        CertificatePin::PublicKey(digest) => Pin::Key(Fingerprint(*digest)),
    };
    match (&upstream.ca, upstream.pins.is_empty()) {
        (_, false) => Trust::Pinned(upstream.pins.iter().map(pin).collect()),
        (Some(ca), true) => Trust::SystemAnd(ca.clone()),
        (None, true) => Trust::System,
    }
}

/// A configuration that trusts the system's authorities.
pub(crate) fn system_trust() -> Result<rustls::ClientConfig, String> {
    let client = ClientTls::new(&ClientOptions::default()).map_err(|error| error.to_string())?;
    Ok((**client.config()).clone())
}

/// A stream after its handshake.
pub(crate) struct Secured {
    pub(crate) stream: Stream,
    /// How long the handshake took.
    pub(crate) took: Duration,
    /// The protocol that it agreed on.
    pub(crate) alpn: Option<Alpn>,
}

/// Starts TLS on the stream. `offer`: the protocols to offer; `None`: those of the settings.
///
/// # Errors
/// Why the handshake failed, as a sentence.
pub(crate) async fn wrap(
    tls: &TlsClient,
    stream: Stream,
    offer: Option<&[Alpn]>,
    wait: Duration,
) -> Result<Secured, String> {
    let started = Instant::now();
    let deadline = tokio::time::Instant::now() + wait;
    let (client, host) = (&tls.client, &tls.host);
    let wrapped = match offer {
        Some(offer) => client.connect_offering(stream, host, offer, deadline).await,
        None => client.connect(stream, host, deadline).await,
    };
    let wrapped = wrapped.map_err(|error| error.to_string())?;
    Ok(Secured {
        alpn: wrapped.alpn(),
        stream: Stream::Boxed(Box::pin(wrapped)),
        took: started.elapsed(),
    })
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
    let tls = tokio::task::spawn_blocking(move || TlsClient::new(&name, Trust::System))
        .await
        .map_err(|error| error.to_string())??;
    let secured = wrap(&tls, stream, None, HANDSHAKE)
        .await
        .map_err(|what| format!("TLS to {host} failed: {what}"))?;
    Ok(secured.stream)
}
