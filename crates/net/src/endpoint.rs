//! Connections to endpoints that the configuration names: the backends of sites, for requests and health checks.
//!
//! They need no [`privet_policy::DirectPermit`] and do not pass the policy, so that a kill switch does not take sites down.
//! They open no way for anybody else: an [`Endpoint`] is made from a [`BackendUrl`], and only the reader of the configuration
//! makes one of those. No host that a client sent can become one.
//!
//! ```compile_fail,E0308
//! let sent_by_a_client = privet_policy::Host::parse("198.51.100.1").unwrap();
//! privet_net::Endpoint::new(&sent_by_a_client, None);
//! ```

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use privet_config::{BackendHost, BackendScheme, BackendUrl};
use privet_tls::{Alpn, ClientOptions, ClientTls};

use crate::resolve::{EndpointResolver, ResolveError};
use crate::socket::configured;
use crate::tls::{self, TlsClient};
use crate::{Connected, DialError, DialErrorKind, DialTimings, OwnListeners, Stream};

/// The TLS settings that all endpoints share: the system's trust store.
#[derive(Clone)]
pub struct EndpointTls {
    client: ClientTls,
    options: ClientOptions,
}

impl EndpointTls {
    /// Reads the trust store: do not call it on a runtime thread.
    ///
    /// # Errors
    /// Why the system's authorities cannot be used, as a sentence.
    pub fn load() -> Result<Self, String> {
        let options = ClientOptions {
            alpn: vec![Alpn::Http11],
            ..ClientOptions::default()
        };
        let client = ClientTls::new(&options).map_err(|error| error.to_string())?;
        Ok(Self { client, options })
    }
}

/// A configured endpoint.
#[derive(Clone)]
pub struct Endpoint {
    url: BackendUrl,
    tls: Option<TlsClient>,
}

impl Endpoint {
    /// `tls`: needed for https.
    ///
    /// # Errors
    /// Why the endpoint cannot be used, as a sentence.
    pub fn new(url: &BackendUrl, tls: Option<&EndpointTls>) -> Result<Self, String> {
        let tls = match (url.scheme(), tls) {
            (BackendScheme::Http | BackendScheme::H2c, _) => None,
            (BackendScheme::Https, Some(tls)) => {
                let host = url.host().to_string();
                Some(TlsClient::with_client(&tls.client, &tls.options, &host)?)
            }
            (BackendScheme::Https, None) => return Err(format!("{url} needs TLS settings")),
        };
        Ok(Self {
            url: url.clone(),
            tls,
        })
    }

    pub fn url(&self) -> &BackendUrl {
        &self.url
    }

    /// The name to resolve, and its address where it is one.
    pub(crate) fn host(&self) -> Result<IpAddr, &Arc<str>> {
        match self.url.host() {
            BackendHost::Ip(ip) => Ok(*ip),
            BackendHost::Name(name) => Err(name),
        }
    }
}

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
        let dialed = tokio::time::timeout(limit, self.dial_unbounded(endpoint, limit)).await;
        dialed.unwrap_or_else(|_| {
            let text = format!("{} did not answer within {limit:?}", endpoint.url);
            Err(DialError::here(DialErrorKind::TimedOut, text))
        })
    }

    async fn dial_unbounded(
        &self,
        endpoint: &Endpoint,
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
                    DialError::here(kind, format!("{}: {failure}", endpoint.url))
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
            [only] => Some(SocketAddr::new(*only, endpoint.url.port())),
            _ => tcp.peer_addr().ok(),
        };
        let mut stream = Stream::Tcp(tcp);
        if let Some(tls) = &endpoint.tls {
            let (wrapped, took) = tls::wrap(tls, stream, limit).await.map_err(|what| {
                let text = format!("TLS to {} failed: {what}", endpoint.url);
                DialError::here(DialErrorKind::UpstreamDown, text)
            })?;
            stream = wrapped;
            timings.tls = Some(took);
        }
        Ok(Connected {
            stream,
            preread: bytes::Bytes::new(),
            local,
            remote,
            route: self.route.clone(),
            timings,
            absolute_form: None,
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

    #[test]
    fn https_needs_tls_settings() {
        let text = "[[site]]\nname = \"s\"\nlisten = [\"127.0.0.1:8080\"]\nhosts = [\"a.test\"]\n\
             [[site.backend]]\nurl = \"https://127.0.0.1:1\"\n";
        let config = Config::parse(text, std::path::Path::new("/"))
            .unwrap()
            .config;
        let url = &config.sites[0].backends[0].url;
        assert!(Endpoint::new(url, None).is_err());
        let tls = EndpointTls::load().unwrap();
        assert!(Endpoint::new(url, Some(&tls)).is_ok());
    }
}
