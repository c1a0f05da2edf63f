//! DNS over HTTPS (RFC 8484) and over TLS (RFC 7858), by hickory. It connects directly to the resolver, so it needs a
//! permit.

mod http1;
mod server;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ProtocolConfig, ResolveHosts, ResolverConfig,
};
use hickory_resolver::lookup_ip::LookupIp;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::{ConnectionProvider, Resolver, TokioResolver};
use privet_config::Dns;
use privet_policy::DirectPermit;
use rustls::ClientConfig;
use tokio::sync::OnceCell;

use self::http1::OverHttp1;
use self::server::{DnsServer, TIMEOUT};
use super::answer::{ResolveError, ResolveResult};
use super::system;
use crate::tls::system_trust;

const ATTEMPTS: usize = 2;
/// For a whole lookup, including the resolver's own name.
const DEADLINE: Duration = Duration::from_secs(12);
/// Where a negative response has no TTL.
const NEGATIVE_TTL: Duration = Duration::from_secs(5);
/// The most addresses of the resolver that are used.
const MAX_SERVERS: usize = 4;

pub(super) struct EncryptedResolver {
    dns: Dns,
    /// Replaces the system's trust store in tests; `None`: the system's.
    tls: Option<ClientConfig>,
    /// Created at the first query, since the resolver's own name has to be resolved.
    ready: OnceCell<Transport>,
}

/// Who sends the queries.
enum Transport {
    /// Over TLS, or HTTP/2.
    Own(TokioResolver),
    Http1(Resolver<OverHttp1>),
}

impl Transport {
    async fn lookup(&self, name: String) -> Result<LookupIp, NetError> {
        match self {
            Self::Own(resolver) => resolver.lookup_ip(name).await,
            Self::Http1(resolver) => resolver.lookup_ip(name).await,
        }
    }
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
        match resolver.lookup(format!("{host}.")).await {
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

    async fn set_up(&self) -> Result<Transport, String> {
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
        let addresses = addresses.get(..MAX_SERVERS).unwrap_or(&addresses);
        let ProtocolConfig::Https { path, .. } = &server.protocol else {
            let runtime = TokioRuntimeProvider::default();
            return Ok(Transport::Own(build(&server, addresses, tls, runtime)?));
        };
        if http1::speaks_http2(&server, addresses, &tls).await? {
            let runtime = TokioRuntimeProvider::default();
            return Ok(Transport::Own(build(&server, addresses, tls, runtime)?));
        }
        let runtime = OverHttp1::new(&server, path, &tls)?;
        let server = DnsServer {
            protocol: ProtocolConfig::Tcp,
            ..server
        };
        Ok(Transport::Http1(build(&server, addresses, tls, runtime)?))
    }
}

fn build<P: ConnectionProvider>(
    server: &DnsServer,
    addresses: &[IpAddr],
    tls: ClientConfig,
    runtime: P,
) -> Result<Resolver<P>, String> {
    let servers = addresses.iter().map(|ip| {
        let mut connection = ConnectionConfig::new(server.protocol.clone());
        connection.port = server.port;
        NameServerConfig::new(*ip, true, vec![connection])
    });
    let config = ResolverConfig::from_parts(None, Vec::new(), servers.collect());
    let mut builder = Resolver::builder_with_config(config, runtime).with_tls_config(tls);
    let options = builder.options_mut();
    options.timeout = TIMEOUT;
    options.attempts = ATTEMPTS;
    // Names in the hosts file are not sent to the resolver.
    options.use_hosts_file = ResolveHosts::Always;
    // This crate caches, with limits of its own.
    options.cache_size = 0;
    builder.build().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
