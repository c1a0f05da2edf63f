//! Sends one HTTP/1.1 request to an engine, on a connection of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Where an engine listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// The control socket's path.
    Unix(PathBuf),
    /// The address in `[control] http`.
    Tcp(SocketAddr),
}

#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// Nothing listens on the endpoint.
    #[error("no engine answers on {0}; start one with `privet serve`")]
    NotRunning(String),
    #[error("the engine did not answer in time")]
    TimedOut,
    #[error("the engine's answer could not be read: {0}")]
    Broken(String),
}

/// A response whose body was read to its end.
#[derive(Debug, Clone)]
pub struct FullResponse {
    pub status: StatusCode,
    /// The version of what was read (`ETag`), if it has one.
    pub etag: Option<String>,
    pub body: Bytes,
}

/// Sends `request` and returns the response as soon as its head is there.
///
/// # Errors
/// [`TransportError`]. Connecting times out after 3 s; the caller limits the time for the rest.
pub async fn send(
    endpoint: &Endpoint,
    request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, TransportError> {
    match endpoint {
        #[cfg(unix)]
        Endpoint::Unix(path) => {
            let connecting = tokio::net::UnixStream::connect(path);
            let stream = connect(connecting, path.display().to_string()).await?;
            send_on(stream, request).await
        }
        #[cfg(not(unix))]
        Endpoint::Unix(path) => Err(TransportError::NotRunning(path.display().to_string())),
        Endpoint::Tcp(address) => {
            let connecting = tokio::net::TcpStream::connect(address);
            let stream = connect(connecting, address.to_string()).await?;
            send_on(stream, request).await
        }
    }
}

/// Sends `request` and reads the whole response: at most `limit` bytes of body within `timeout`.
///
/// # Errors
/// [`TransportError`]; a longer body is [`TransportError::Broken`].
pub async fn send_and_collect(
    endpoint: &Endpoint,
    request: Request<Full<Bytes>>,
    limit: usize,
    timeout: Duration,
) -> Result<FullResponse, TransportError> {
    let calling = async {
        let response = send(endpoint, request).await?;
        collect(response, limit).await
    };
    tokio::time::timeout(timeout, calling)
        .await
        .map_err(|_| TransportError::TimedOut)?
}

/// Reads the body of a response, at most `limit` bytes.
///
/// # Errors
/// [`TransportError::Broken`]: it is longer, or ends early.
pub async fn collect(
    response: Response<Incoming>,
    limit: usize,
) -> Result<FullResponse, TransportError> {
    let status = response.status();
    let etag = response.headers().get(header::ETAG);
    let etag = etag.and_then(|tag| tag.to_str().ok().map(str::to_owned));
    let body = Limited::new(response.into_body(), limit)
        .collect()
        .await
        .map_err(|error| TransportError::Broken(error.to_string()))?
        .to_bytes();
    Ok(FullResponse { status, etag, body })
}

async fn connect<S>(
    connecting: impl Future<Output = std::io::Result<S>>,
    endpoint: String,
) -> Result<S, TransportError> {
    match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            Err(TransportError::Broken(format!(
                "{endpoint} belongs to another user; run the command as that user, or with sudo"
            )))
        }
        Ok(Err(_)) => Err(TransportError::NotRunning(endpoint)),
        Err(_) => Err(TransportError::TimedOut),
    }
}

async fn send_on<S>(
    stream: S,
    request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, TransportError>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let broken = |error: hyper::Error| TransportError::Broken(error.to_string());
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    // Ends with the response's body, or when the caller drops it.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    sender.send_request(request).await.map_err(broken)
}
