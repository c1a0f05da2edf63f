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

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use privet_config::{BackendHost, BackendScheme, BackendUrl};
use privet_tls::{Alpn, ClientOptions, ClientTls, Trust};

use crate::tls::TlsClient;

/// TLS settings that endpoints share.
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
        Self::with(ClientOptions {
            alpn: vec![Alpn::Http11],
            ..ClientOptions::default()
        })
    }

    /// The same for a service that does not speak HTTP. `ca`: a PEM file with authorities that are trusted too.
    ///
    /// # Errors
    /// As [`EndpointTls::load`].
    pub fn for_service(ca: Option<&Path>) -> Result<Self, String> {
        let trust = ca.map_or(Trust::System, |path| Trust::SystemAnd(path.to_owned()));
        Self::with(ClientOptions {
            trust,
            ..ClientOptions::default()
        })
    }

    fn with(options: ClientOptions) -> Result<Self, String> {
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

    pub(crate) fn tls(&self) -> Option<&TlsClient> {
        self.tls.as_ref()
    }

    /// The name to resolve, and its address where it is one.
    pub(crate) fn host(&self) -> Result<IpAddr, &Arc<str>> {
        match self.url.host() {
            BackendHost::Ip(ip) => Ok(*ip),
            BackendHost::Name(name) => Err(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use privet_config::Config;

    use super::*;

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
