//! Connections to services that the configuration names: scanners, and the store that machines share.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
#[cfg(unix)]
use tokio::time::timeout;

use crate::{DialError, Endpoint, EndpointDialer};

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
                let connected =
                    dialed.map_err(|error| io::Error::other(text_of(&error, endpoint)))?;
                Ok(Box::pin(connected.stream))
            }
        }
    }
}

/// The error without the scheme of the endpoint: the service does not speak HTTP.
fn text_of(error: &DialError, endpoint: &Endpoint) -> String {
    let url = endpoint.url().to_string();
    let address = url.split_once("://").map_or(&*url, |(_, address)| address);
    error.to_string().replace(&url, address)
}

#[cfg(test)]
mod tests {
    use privet_config::Config;

    use super::*;

    #[tokio::test]
    async fn a_service_that_refuses_is_named_by_its_address() {
        let refusing = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = refusing.local_addr().unwrap();
        drop(refusing);
        let text = format!(
            "[[site]]\nname = \"s\"\nlisten = [\"127.0.0.1:8080\"]\nhosts = [\"a.test\"]\n\
             [[site.backend]]\nurl = \"http://{address}\"\n"
        );
        let config = Config::parse(&text, std::path::Path::new("/"));
        let config = config.unwrap().config;
        let endpoint = Endpoint::new(&config.sites[0].backends[0].url, None).unwrap();
        let connector = Connector::Tcp(Box::new((endpoint, EndpointDialer::default())));
        let refused = connector.connect(Duration::from_secs(5)).await.err();
        let text = refused.unwrap().to_string();
        assert_eq!(text, format!("{address} refused the connection"));
    }
}
