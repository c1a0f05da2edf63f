//! TLS of the sites' listeners: certificates from files, chosen by the name in the handshake.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use privet_config::{Config, SiteTls};
use privet_policy::Host;
use privet_tls::{
    Alpn, CertificateSource, Handshake, LoadError, ServerOptions, ServerTls, TlsDemands,
};

/// What clients may speak after the handshake, most preferred first.
const PROTOCOLS: [Alpn; 2] = [Alpn::H2, Alpn::Http11];
/// TLS handshakes of one listener at a time, on all threads together.
const MAX_HANDSHAKES: usize = 1024;

/// The TLS side of each listener that has one, by its address as configured.
pub type TlsListeners = BTreeMap<SocketAddr, Arc<ServerTls>>;

/// Reads the certificates that the sites name. Listeners whose certificates `previous` has too keep its sessions. Blocks on
/// the disk.
///
/// # Errors
/// The first certificate or key that cannot be used.
pub(crate) fn load(
    config: &Config,
    previous: Option<&TlsListeners>,
) -> Result<TlsListeners, LoadError> {
    let mut sources: BTreeMap<SocketAddr, Vec<CertificateSource>> = BTreeMap::new();
    for site in &config.sites {
        let Some(SiteTls::Files { cert, key }) = &site.tls else {
            continue;
        };
        for address in &site.listen {
            sources
                .entry(*address)
                .or_default()
                .push(CertificateSource {
                    names: site.hosts.clone(),
                    cert: cert.clone(),
                    key: key.clone(),
                    demands: TlsDemands::default(),
                });
        }
    }
    let listener = |(address, sources): (SocketAddr, Vec<CertificateSource>)| {
        let before = previous.and_then(|previous| previous.get(&address));
        let server = match before.filter(|before| before.sources() == sources) {
            Some(before) => before.clone(),
            None => {
                let options = ServerOptions {
                    alpn: PROTOCOLS.to_vec(),
                    max_handshakes: MAX_HANDSHAKES,
                };
                Arc::new(ServerTls::load(sources, options)?)
            }
        };
        Ok((address, server))
    };
    sources.into_iter().map(listener).collect()
}

/// The certificate and key files of all listeners, each once.
pub(crate) fn files(listeners: &TlsListeners) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = listeners
        .values()
        .flat_map(|server| server.files())
        .collect();
    files.sort();
    files.dedup();
    files
}

/// Reads all files again. A listener whose files cannot be used keeps its certificates. Blocks on the disk.
///
/// # Errors
/// What is wrong, and what to do.
pub(crate) fn reload(listeners: &TlsListeners) -> Result<(), (String, String)> {
    let mut failed = None;
    for server in listeners.values() {
        if let Err(error) = server.reload() {
            failed.get_or_insert((error.to_string(), error.fix().to_owned()));
        }
    }
    failed.map_or(Ok(()), Err)
}

/// What is to be said about the certificates in use, and what to do.
pub(crate) fn warnings(listeners: &TlsListeners, now: SystemTime) -> Vec<(String, String)> {
    let all = listeners.values().flat_map(|server| server.warnings(now));
    let mut all: Vec<_> = all
        .map(|it| (it.to_string(), it.fix().to_owned()))
        .collect();
    all.sort();
    all.dedup();
    all
}

/// What is wrong with the certificates that the sites name, and what to do: errors first, with `true`. Blocks on the disk.
pub fn certificate_findings(config: &Config) -> Vec<(bool, String, String)> {
    match load(config, None) {
        Err(error) => vec![(true, error.to_string(), error.fix().to_owned())],
        Ok(listeners) => warnings(&listeners, SystemTime::now())
            .into_iter()
            .map(|(text, fix)| (false, text, fix))
            .collect(),
    }
}

/// The TLS connection of a client.
#[derive(Clone)]
pub struct ClientTls {
    pub server: Arc<ServerTls>,
    pub handshake: Arc<Handshake>,
}

impl ClientTls {
    /// Whether a request for the host belongs on another connection: it gets 421.
    pub(crate) fn misdirects(&self, host: &Host) -> bool {
        match (host, &self.handshake.name) {
            (Host::Name(name), Some(shown)) if name.as_str() == &**shown => false,
            _ => self
                .server
                .is_misdirected(&self.handshake, &host.to_string()),
        }
    }
}
