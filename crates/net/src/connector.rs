//! Connections to services that the configuration names: scanners, and the store that machines share.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
#[cfg(unix)]
use tokio::time::timeout;

use crate::{Endpoint, EndpointDialer};

/// A connection to a service.
pub trait Connection: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> Connection for T {}

/// Where a service is. Only the reader of the configuration makes an endpoint, so nothing else can be dialed.
#[derive(Clone)]
pub enum Connector {
    /// The path of a Unix socket.
    Unix(PathBuf),
    Tcp(Box<(Endpoint, EndpointDialer)>),
}

impl Connector {
    /// Connects within `limit`.
    ///
    /// # Errors
    /// What failed, as a sentence.
    pub async fn connect(&self, limit: Duration) -> io::Result<Pin<Box<dyn Connection>>> {
        match self {
            #[cfg(unix)]
            Self::Unix(path) => {
                let connecting = tokio::net::UnixStream::connect(path);
                let connected = timeout(limit, connecting).await;
                let stream = connected
                    .map_err(|_| io::ErrorKind::TimedOut)?
                    .map_err(|error| {
                        io::Error::new(error.kind(), format!("{}: {error}", path.display()))
                    })?;
                Ok(Box::pin(stream))
            }
            #[cfg(not(unix))]
            Self::Unix(_) => {
                let text = "Unix sockets are not used on this system: write \"tcp:HOST:PORT\"";
                Err(io::Error::new(io::ErrorKind::Unsupported, text))
            }
            Self::Tcp(endpoint) => {
                let (endpoint, dialer) = &**endpoint;
                let dialed = dialer.dial(endpoint, limit).await;
                let connected = dialed.map_err(|error| io::Error::other(error.to_string()))?;
                Ok(Box::pin(connected.stream))
            }
        }
    }
}
