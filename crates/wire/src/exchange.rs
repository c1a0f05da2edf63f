//! One HTTP/1.1 exchange with an engine, on a connection of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Where an engine listens.
#[derive(Debug, Clone)]
pub enum Endpoint {
    Unix(PathBuf),
    Tcp(SocketAddr),
}

#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// Nobody listens there.
    #[error("no engine answers on {0}; start one with `privet serve`")]
    NotRunning(String),
    #[error("the engine did not answer in time")]
    TimedOut,
    #[error("the engine's answer could not be read: {0}")]
    Broken(String),
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub body: Bytes,
}

/// Sends `request` and gives the answer's head and its body as it comes.
///
/// # Errors
/// [`WireError`]; connecting gives up after 3 s, the rest is the caller's to limit.
pub async fn exchange(
    endpoint: &Endpoint,
    request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, WireError> {
    match endpoint {
        #[cfg(unix)]
        Endpoint::Unix(path) => {
            let connecting = tokio::net::UnixStream::connect(path);
            let stream = connect(connecting, path.display().to_string()).await?;
            speak(stream, request).await
        }
        #[cfg(not(unix))]
        Endpoint::Unix(path) => Err(WireError::NotRunning(path.display().to_string())),
        Endpoint::Tcp(address) => {
            let connecting = tokio::net::TcpStream::connect(address);
            let stream = connect(connecting, address.to_string()).await?;
            speak(stream, request).await
        }
    }
}

/// Sends `request` and reads the whole answer, at most `limit` bytes within `patience`.
///
/// # Errors
/// [`WireError`]; an answer that is longer is [`WireError::Broken`].
pub async fn whole(
    endpoint: &Endpoint,
    request: Request<Full<Bytes>>,
    limit: usize,
    patience: Duration,
) -> Result<Answer, WireError> {
    let calling = async {
        let response = exchange(endpoint, request).await?;
        collect(response, limit).await
    };
    tokio::time::timeout(patience, calling)
        .await
        .map_err(|_| WireError::TimedOut)?
}

/// The rest of an answer, at most `limit` bytes.
///
/// # Errors
/// [`WireError::Broken`]: it is longer, or ends early.
pub async fn collect(response: Response<Incoming>, limit: usize) -> Result<Answer, WireError> {
    let status = response.status();
    let body = Limited::new(response.into_body(), limit)
        .collect()
        .await
        .map_err(|error| WireError::Broken(error.to_string()))?
        .to_bytes();
    Ok(Answer { status, body })
}

async fn connect<S>(
    connecting: impl Future<Output = std::io::Result<S>>,
    place: String,
) -> Result<S, WireError> {
    match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::PermissionDenied => Err(
            WireError::Broken(format!("{place} belongs to another user: {error}")),
        ),
        Ok(Err(_)) => Err(WireError::NotRunning(place)),
        Err(_) => Err(WireError::TimedOut),
    }
}

async fn speak<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, WireError>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let broken = |error: hyper::Error| WireError::Broken(error.to_string());
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    // Ends with the answer's body, or when the caller drops it.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    sender.send_request(request).await.map_err(broken)
}
