//! All sites of one configuration: which of them answers on a listener for a host.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use hashbrown::HashMap;
use privet_cache::Cache;
use privet_config::{BackendScheme, Config, SiteTls};
use privet_net::{EndpointDialer, EndpointTls, OwnListeners};
use privet_policy::Host;
use privet_scan::Scanner;
use privet_tls::ServerTls;

use crate::host_table::HostTable;
use crate::site::Site;
use crate::tls::{self, TlsListeners};

/// The sites of one configuration. Immutable; a reload builds another one that takes the state of what stays over.
#[derive(Default)]
pub struct SiteTable {
    sites: Vec<Arc<Site>>,
    /// By the listener's address as configured.
    listeners: HashMap<SocketAddr, HostTable>,
    dialer: EndpointDialer,
    /// For https backends.
    tls: Option<EndpointTls>,
    /// For clients.
    certificates: TlsListeners,
    own_listeners: Vec<SocketAddr>,
    /// For sites that have one.
    cache: Option<Arc<Cache>>,
    scanner: Option<Arc<Scanner>>,
}

impl SiteTable {
    /// `own_listeners`: addresses that are no backends. Reads the system's trust store where a backend is https: do not call it on a runtime thread.
    ///
    /// # Errors
    /// A backend cannot be used, as a sentence.
    pub fn build(
        config: &Config,
        own_listeners: Vec<SocketAddr>,
        previous: Option<&Self>,
        now: Instant,
    ) -> Result<Self, String> {
        let endpoint_tls = match previous.and_then(|table| table.tls.clone()) {
            Some(tls) => Some(tls),
            None if has_https(config) => Some(EndpointTls::load()?),
            None => None,
        };
        let before = previous.map(|table| &table.certificates);
        let certificates = tls::load(config, before);
        let certificates = certificates
            .map_err(|error| format!("a site's certificate: {error}; {}", error.fix()))?;
        let mut sites = Vec::new();
        let mut listeners: HashMap<SocketAddr, HostTable> = HashMap::new();
        for (number, site) in config.sites.iter().enumerate() {
            let before = previous.and_then(|table| table.site(&site.name));
            let built = Site::build(site, endpoint_tls.as_ref(), before.map(|site| &**site), now);
            sites.push(Arc::new(
                built.map_err(|what| format!("site {}: {what}", site.name))?,
            ));
            // Not served yet, least of all without TLS.
            if matches!(site.tls, Some(SiteTls::Acme { .. })) {
                continue;
            }
            for address in &site.listen {
                let hosts = listeners.entry(*address).or_default();
                site.hosts.iter().for_each(|host| hosts.add(host, number));
            }
        }
        Ok(Self {
            sites,
            listeners,
            dialer: EndpointDialer::new(
                OwnListeners::new(own_listeners.iter().copied()),
                previous.map(|table| &table.dialer),
            ),
            tls: endpoint_tls,
            certificates,
            own_listeners,
            cache: None,
            scanner: None,
        })
    }

    /// With the cache for the sites that have one.
    #[must_use]
    pub fn with_cache(self, cache: Option<Arc<Cache>>) -> Self {
        Self { cache, ..self }
    }

    /// With what scans the bodies of requests and responses.
    #[must_use]
    pub fn with_scanner(self, scanner: Option<Arc<Scanner>>) -> Self {
        Self { scanner, ..self }
    }

    /// What scans the bodies of requests and responses.
    pub fn scanner(&self) -> Option<&Arc<Scanner>> {
        self.scanner.as_ref()
    }

    /// The cache of the sites that have one.
    pub fn cache(&self) -> Option<&Arc<Cache>> {
        self.cache.as_ref()
    }

    /// Whether building it anew would give the same.
    pub fn is_of(&self, config: &Config, own_listeners: &[SocketAddr]) -> bool {
        let sites = self.sites.iter().map(|site| &site.config);
        sites.eq(&config.sites) && self.own_listeners == own_listeners
    }

    /// In the configuration's order.
    pub fn sites(&self) -> &[Arc<Site>] {
        &self.sites
    }

    pub fn site(&self, name: &str) -> Option<&Arc<Site>> {
        self.sites.iter().find(|site| *site.name == *name)
    }

    /// The site that answers for a host on a listener. `listener`: its address as configured.
    pub fn find(&self, listener: SocketAddr, host: &Host) -> Option<&Arc<Site>> {
        let number = self.listeners.get(&listener)?.find(host)?;
        self.sites.get(number)
    }

    /// Whether the table has sites on the listener.
    pub(crate) fn listens(&self, listener: SocketAddr) -> bool {
        self.listeners.contains_key(&listener)
    }

    /// The TLS side of a listener; `None`: its clients do not speak TLS.
    pub fn certificates(&self, listener: SocketAddr) -> Option<&Arc<ServerTls>> {
        self.certificates.get(&listener)
    }

    /// The files of all certificates.
    pub fn certificate_files(&self) -> Vec<PathBuf> {
        tls::files(&self.certificates)
    }

    /// Reads the files of all certificates again. One that cannot be used leaves the old one in use. Blocks on the disk.
    ///
    /// # Errors
    /// What is wrong, and what to do.
    pub fn reload_certificates(&self) -> Result<(), (String, String)> {
        tls::reload(&self.certificates)
    }

    /// What is to be said about the certificates in use, and what to do.
    pub fn certificate_warnings(&self) -> Vec<(String, String)> {
        tls::warnings(&self.certificates, SystemTime::now())
    }

    pub fn dialer(&self) -> &EndpointDialer {
        &self.dialer
    }
}

fn has_https(config: &Config) -> bool {
    config.sites.iter().any(|site| {
        let own = site.backends.iter().map(|backend| &backend.url);
        let mut all = own.chain(site.routes.iter().flat_map(|route| &route.backends));
        all.any(|url| url.scheme() == BackendScheme::Https)
    })
}
