//! Dials endpoints that the configuration names.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use privet_tls::Alpn;

use crate::endpoint::Endpoint;
use crate::resolve::{EndpointResolver, ResolveError};
use crate::socket::configured;
use crate::{Connected, DialError, DialErrorKind, DialTimings, OwnListeners, Stream, tls};

/// Dials endpoints. Cheap to clone; keeps resolved names over reloads.
#[derive(Clone, Default)]
pub struct EndpointDialer {
    resolver: Arc<EndpointResolver>,
    own_listeners: OwnListeners,
    route: Arc<str>,
}

impl EndpointDialer {
    /// Takes the resolved names over from `previous`.
    pub fn new(own_listeners: OwnListeners, previous: Option<&Self>) -> Self {
        Self {
            resolver: previous.map(|it| it.resolver.clone()).unwrap_or_default(),
            own_listeners,
            route: "backend".into(),
        }
    }

    /// Opens a connection within `limit`, with TLS where the endpoint is https.
    ///
    /// # Errors
    /// What failed.
    pub async fn dial(&self, endpoint: &Endpoint, limit: Duration) -> Result<Connected, DialError> {
        self.dial_within(endpoint, None, limit).await
    }

    /// As [`Self::dial`], but offers these protocols in the handshake of TLS, most preferred first.
    ///
    /// # Errors
    /// What failed.
    pub async fn dial_offering(
        &self,
        endpoint: &Endpoint,
        offer: &[Alpn],
        limit: Duration,
    ) -> Result<Connected, DialError> {
        self.dial_within(endpoint, Some(offer), limit).await
    }

    async fn dial_within(
        &self,
        endpoint: &Endpoint,
        offer: Option<&[Alpn]>,
        limit: Duration,
    ) -> Result<Connected, DialError> {
        let dialed = tokio::time::timeout(limit, self.dial_unbounded(endpoint, offer, limit)).await;
        dialed.unwrap_or_else(|_| {
            let text = format!("{} did not answer within {limit:?}", endpoint.url());
            Err(DialError::here(DialErrorKind::TimedOut, text))
        })
    }

    async fn dial_unbounded(
        &self,
        endpoint: &Endpoint,
        offer: Option<&[Alpn]>,
        limit: Duration,
    ) -> Result<Connected, DialError> {
        let mut timings = DialTimings::default();
        let resolved;
        let single;
        let addresses: &[IpAddr] = match endpoint.host() {
            Ok(ip) => {
                single = [ip];
                &single
            }
            Err(_) => {
                let started = Instant::now();
                let found = self.resolver.addresses(endpoint).await;
                resolved = found.map_err(|failure| {
                    let kind = match failure {
                        ResolveError::NotFound(_) => DialErrorKind::NameNotFound,
                        ResolveError::NoAnswer(_) => DialErrorKind::ResolverFailed,
                    };
                    DialError::here(kind, format!("{}: {failure}", endpoint.url()))
                })?;
                timings.dns = Some(started.elapsed());
                &resolved
            }
        };
        let started = Instant::now();
        let tcp = configured::connect(endpoint, addresses, &self.own_listeners).await?;
        timings.connect = Some(started.elapsed());
        let local = tcp.local_addr().ok();
        let remote = match addresses {
            [only] => Some(SocketAddr::new(*only, endpoint.url().port())),
            _ => tcp.peer_addr().ok(),
        };
        let mut stream = Stream::Tcp(tcp);
        let mut alpn = None;
        if let Some(tls) = endpoint.tls() {
            let secured = tls::wrap(tls, stream, offer, limit).await.map_err(|what| {
                let text = format!("TLS to {} failed: {what}", endpoint.url());
                DialError::here(DialErrorKind::UpstreamDown, text)
            })?;
            stream = secured.stream;
            alpn = secured.alpn;
            timings.tls = Some(secured.took);
        }
        Ok(Connected {
            stream,
            preread: bytes::Bytes::new(),
            local,
            remote,
            route: self.route.clone(),
            timings,
            absolute_form: None,
            alpn,
        })
    }
}

#[cfg(test)]
mod tests {
    use privet_config::Config;
    use tokio::net::TcpListener;

    use super::*;

    fn endpoint(url: &str) -> Endpoint {
        let text = format!(
            "[[site]]\nname = \"s\"\nlisten = [\"127.0.0.1:8080\"]\nhosts = [\"a.test\"]\n\
             [[site.backend]]\nurl = \"{url}\"\n"
        );
        let config = Config::parse(&text, std::path::Path::new("/")).unwrap();
        Endpoint::new(&config.config.sites[0].backends[0].url, None).unwrap()
    }

    #[tokio::test]
    async fn a_configured_endpoint_is_dialed_by_address_and_by_name() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let dialer = EndpointDialer::default();
        for host in ["127.0.0.1", "localhost"] {
            let endpoint = endpoint(&format!("http://{host}:{}", address.port()));
            let connected = dialer
                .dial(&endpoint, Duration::from_secs(10))
                .await
                .unwrap();
            assert_eq!(connected.remote, Some(address));
            assert_eq!(connected.timings.dns.is_some(), host == "localhost");
        }
    }

    #[tokio::test]
    async fn an_endpoint_that_is_privet_itself_or_does_not_listen_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let endpoint = endpoint(&format!("http://{address}"));
        let own = EndpointDialer::new(OwnListeners::new([address]), None);
        let error = own
            .dial(&endpoint, Duration::from_secs(10))
            .await
            .err()
            .unwrap();
        assert_eq!(error.kind, DialErrorKind::Loop);
        drop(listener);
        let dialer = EndpointDialer::default();
        let error = dialer
            .dial(&endpoint, Duration::from_secs(10))
            .await
            .err()
            .unwrap();
        assert_eq!(error.kind, DialErrorKind::Refused);
    }
}
