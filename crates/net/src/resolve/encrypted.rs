//! DNS over HTTPS (RFC 8484) and over TLS (RFC 7858), by hickory. It connects directly to the resolver, so it needs a
//! permit.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ProtocolConfig, ResolveHosts, ResolverConfig,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use privet_config::Dns;
use privet_policy::DirectPermit;
use rustls::ClientConfig;
use tokio::sync::OnceCell;

use super::answer::{ResolveError, ResolveResult};
use super::system;
use crate::tls::system_trust;

/// For one query, which is tried twice.
const TIMEOUT: Duration = Duration::from_secs(5);
const ATTEMPTS: usize = 2;
/// For a whole lookup, including the resolver's own name.
const DEADLINE: Duration = Duration::from_secs(12);
/// Where a negative response has no TTL.
const NEGATIVE_TTL: Duration = Duration::from_secs(5);
/// The most addresses of the resolver that are used.
const MAX_SERVERS: usize = 4;
const DOT_PORT: u16 = 853;

pub(super) struct EncryptedResolver {
    dns: Dns,
    /// Replaces the system's trust store in tests; `None`: the system's.
    tls: Option<ClientConfig>,
    /// Created at the first query, since the resolver's own name has to be resolved.
    ready: OnceCell<TokioResolver>,
}

/// The resolver's address and protocol.
struct DnsServer {
    host: Arc<str>,
    port: u16,
    protocol: ProtocolConfig,
}

impl EncryptedResolver {
    pub(super) fn new(dns: Dns) -> Self {
        Self {
            dns,
            tls: None,
            ready: OnceCell::new(),
        }
    }

    pub(super) async fn lookup(
        &self,
        _permit: &DirectPermit,
        host: Arc<str>,
    ) -> (ResolveResult, Duration) {
        self.query(host).await
    }

    async fn query(&self, host: Arc<str>) -> (ResolveResult, Duration) {
        let failed = Err(ResolveError::NoAnswer(host.clone()));
        match tokio::time::timeout(DEADLINE, self.query_unbounded(host)).await {
            Ok(Some(answer)) => answer,
            Ok(None) | Err(_) => (failed, Duration::ZERO),
        }
    }

    async fn query_unbounded(&self, host: Arc<str>) -> Option<(ResolveResult, Duration)> {
        let resolver = self
            .ready
            .get_or_try_init(|| self.set_up())
            .await
            .inspect_err(|error| tracing::warn!("the encrypted resolver is not ready: {error}"))
            .ok()?;
        // The final dot disables the machine's search domains.
        match resolver.lookup_ip(format!("{host}.")).await {
            Ok(found) => {
                let ttl = found
                    .valid_until()
                    .saturating_duration_since(Instant::now());
                let addresses = found.iter().take(system::MAX_ADDRESSES);
                let addresses: Arc<[IpAddr]> = addresses.collect();
                match addresses.is_empty() {
                    true => Some((Err(ResolveError::NotFound(host)), NEGATIVE_TTL)),
                    false => Some((Ok(addresses), ttl)),
                }
            }
            Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
                let ttl = none
                    .negative_ttl
                    .map_or(NEGATIVE_TTL, |secs| Duration::from_secs(secs.into()));
                Some((Err(ResolveError::NotFound(host)), ttl))
            }
            Err(_) => None,
        }
    }

    async fn set_up(&self) -> Result<TokioResolver, String> {
        let server = DnsServer::of(&self.dns)?;
        let addresses = match server.host.parse::<IpAddr>() {
            Ok(ip) => Arc::from([ip]),
            Err(_) => {
                let slot = system::upstream_slot()
                    .await
                    .ok_or("the system's resolver is busy")?;
                let (found, _) = system::lookup(slot, server.host.clone()).await;
                found.map_err(|error| error.to_string())?
            }
        };
        let tls = match &self.tls {
            Some(tls) => tls.clone(),
            // Reads the trust store from the disk.
            None => tokio::task::spawn_blocking(system_trust)
                .await
                .map_err(|error| error.to_string())??,
        };
        let servers = addresses.iter().take(MAX_SERVERS).map(|ip| {
            let mut connection = ConnectionConfig::new(server.protocol.clone());
            connection.port = server.port;
            NameServerConfig::new(*ip, true, vec![connection])
        });
        let config = ResolverConfig::from_parts(None, Vec::new(), servers.collect());
        let mut builder =
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
                .with_tls_config(tls);
        let options = builder.options_mut();
        options.timeout = TIMEOUT;
        options.attempts = ATTEMPTS;
        // Names in the hosts file are not sent to the resolver.
        options.use_hosts_file = ResolveHosts::Always;
        // This crate caches, with limits of its own.
        options.cache_size = 0;
        builder.build().map_err(|error| error.to_string())
    }
}

impl DnsServer {
    fn of(dns: &Dns) -> Result<Self, String> {
        match dns {
            Dns::Https(url) => Self::https(url),
            Dns::Tls(text) => Self::tls(text),
            Dns::System | Dns::Upstream => Err("this is no encrypted resolver".to_owned()),
        }
    }

    fn https(text: &str) -> Result<Self, String> {
        let url = url::Url::parse(text).map_err(|error| format!("{text}: {error}"))?;
        let host: Arc<str> = bare(url.host_str().unwrap_or_default()).into();
        let protocol = ProtocolConfig::Https {
            server_name: host.clone(),
            path: url.path().into(),
        };
        Ok(Self {
            host,
            port: url.port().unwrap_or(443),
            protocol,
        })
    }

    fn tls(text: &str) -> Result<Self, String> {
        // "host", "host:port", "[::1]:853" or a bare IPv6 address.
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                let port = port
                    .parse()
                    .map_err(|_| format!("{text}: {port} is no port"))?;
                (host, port)
            }
            _ => (text, DOT_PORT),
        };
        let host: Arc<str> = bare(host).into();
        let protocol = ProtocolConfig::Tls {
            server_name: host.clone(),
        };
        Ok(Self {
            host,
            port,
            protocol,
        })
    }
}

fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

#[cfg(test)]
mod tests;
