//! TLS to a target itself, for what the engine fetches over a connected stream.

use std::time::Duration;

use crate::Stream;
use crate::hop::tls::{self, TlsClient};

/// From the first byte of the handshake to the last.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Wraps a stream to `host` in TLS that is verified as the system does. The handshake has 10 s.
///
/// # Errors
/// A sentence: the handshake failed or took too long, or no certificate can bear that name.
pub async fn connect_tls(stream: Stream, host: &str) -> Result<Stream, String> {
    let name = host.to_owned();
    // The system's authorities are read from files.
    let tls = tokio::task::spawn_blocking(move || TlsClient::new(&name, None))
        .await
        .map_err(|error| error.to_string())??;
    let (stream, _) = tls::wrap(&tls, stream, HANDSHAKE)
        .await
        .map_err(|what| format!("TLS to {host} failed: {what}"))?;
    Ok(stream)
}
