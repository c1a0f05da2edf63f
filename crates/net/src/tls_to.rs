//! TLS to a target itself, for what the engine fetches over a dialed stream.

use std::sync::Arc;
use std::time::Duration;

use crate::hop::tls::{self, Tls};
use crate::{DialError, DialErrorKind, Stream};

/// From the first byte of the handshake to the last.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Wraps a stream to `host` in TLS that is verified as the system does.
///
/// # Errors
/// `UpstreamDown`: the handshake failed or took longer than 10 s; `Unsupported`: no certificate can bear that name.
pub async fn tls_to(stream: Stream, host: &str) -> Result<Stream, DialError> {
    let name = host.to_owned();
    // The system's authorities are read from files.
    let made = tokio::task::spawn_blocking(move || Tls::new(&name, None)).await;
    let tls = match made {
        Ok(Ok(tls)) => tls,
        Ok(Err(text)) => return Err(DialError::here(DialErrorKind::Unsupported, text)),
        Err(error) => {
            return Err(DialError::here(
                DialErrorKind::Unsupported,
                error.to_string(),
            ));
        }
    };
    let host: Arc<str> = host.into();
    let (stream, _) = tls::wrap(&tls, &host, stream, HANDSHAKE).await?;
    Ok(stream)
}
