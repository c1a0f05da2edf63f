//! Resolves names. [`EntryResolver`] and [`EndpointResolver`] resolve only names of the configuration; [`Resolver`] needs a
//! permit.

mod answer;
mod cache;
mod coalesce;
mod encrypted;
mod slots;
mod system;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, LazyLock};

use privet_config::Dns;
use privet_policy::{DirectPermit, is_outside_dns};

use crate::endpoint::Endpoint;
use crate::entry_address::EntryAddress;
use crate::{DialError, DialErrorKind, LookupClient};
pub(crate) use answer::ResolveError;
use answer::ResolveResult;
use coalesce::Coalescer;
use encrypted::EncryptedResolver;
use slots::LookupSlots;

/// Queries that encrypted resolvers answer at once.
static ENCRYPTED_SLOTS: LazyLock<LookupSlots> = LazyLock::new(|| LookupSlots::new(512));

/// Resolves the addresses of upstreams. Its only method takes an [`EntryAddress`], which is built from the
/// configuration alone.
#[derive(Default)]
pub(crate) struct EntryResolver(Coalescer);

impl EntryResolver {
    pub(crate) async fn addresses(&self, entry: &EntryAddress) -> ResolveResult {
        self.0
            .get(entry.host(), system::upstream_slot, system::lookup)
            .await
    }
}

/// Resolves the addresses of configured endpoints, by the system's resolver in every mode. Its only method takes an
/// [`Endpoint`], which is built from the configuration alone.
#[derive(Default)]
pub(crate) struct EndpointResolver(Coalescer);

impl EndpointResolver {
    /// An address needs no resolver.
    pub(crate) async fn addresses(&self, endpoint: &Endpoint) -> ResolveResult {
        match endpoint.host() {
            Ok(ip) => Ok([ip].into()),
            Err(name) => {
                let slot = system::endpoint_slot;
                self.0.get(name, slot, system::lookup).await
            }
        }
    }
}

/// Resolves targets, where a permit allows it. Each `dns` setting of a mode has a resolver and a cache of its own.
#[derive(Default)]
pub(crate) struct Resolver {
    resolvers: Vec<Arc<ConfiguredResolver>>,
}

struct ConfiguredResolver {
    dns: Dns,
    known: Coalescer,
    backend: Backend,
}

enum Backend {
    System,
    Encrypted(Box<EncryptedResolver>),
}

impl Resolver {
    /// Resolvers that `previous` has too are taken over with their caches.
    pub(crate) fn new<'a>(
        settings: impl Iterator<Item = &'a Dns>,
        previous: Option<&Self>,
    ) -> Self {
        let mut made = Self::default();
        for dns in settings.filter(|dns| **dns != Dns::Upstream) {
            if made.resolver(dns).is_some() {
                continue;
            }
            let kept = previous
                .and_then(|previous| previous.resolver(dns))
                .cloned();
            made.resolvers
                .push(kept.unwrap_or_else(|| Arc::new(ConfiguredResolver::new(dns))));
        }
        made
    }

    fn resolver(&self, dns: &Dns) -> Option<&Arc<ConfiguredResolver>> {
        self.resolvers.iter().find(|resolver| resolver.dns == *dns)
    }

    /// # Errors
    /// `Unsupported` where the mode resolves no names, `NameNotFound`, `ResolverFailed`.
    pub(crate) async fn addresses(
        &self,
        permit: &DirectPermit,
        dns: &Dns,
        host: &str,
        client: &dyn LookupClient,
    ) -> Result<Arc<[IpAddr]>, DialError> {
        if is_localhost(host) {
            return Ok([Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()].into());
        }
        if is_outside_dns(host) {
            let text = format!(
                "{host} is not in the DNS and is not looked up: route it through an upstream that knows it"
            );
            return Err(DialError::here(DialErrorKind::NameNotFound, text));
        }
        let Some(resolver) = self.resolver(dns) else {
            return Err(DialError::here(
                DialErrorKind::Unsupported,
                format!(
                    "{host} would go direct, but this mode resolves no name here: \
                     route it through an upstream, or set the mode's dns to \"system\""
                ),
            ));
        };
        let answer = resolver.addresses(permit, host, client).await;
        answer.map_err(|failure| {
            let kind = match failure {
                ResolveError::NotFound(_) => DialErrorKind::NameNotFound,
                ResolveError::NoAnswer(_) => DialErrorKind::ResolverFailed,
            };
            DialError::here(kind, failure.to_string())
        })
    }
}

impl ConfiguredResolver {
    fn new(dns: &Dns) -> Self {
        Self {
            dns: dns.clone(),
            known: Coalescer::default(),
            backend: match dns {
                Dns::System | Dns::Upstream => Backend::System,
                Dns::Https(_) | Dns::Tls(_) => {
                    Backend::Encrypted(Box::new(EncryptedResolver::new(dns.clone())))
                }
            },
        }
    }

    async fn addresses(
        &self,
        permit: &DirectPermit,
        host: &str,
        client: &dyn LookupClient,
    ) -> ResolveResult {
        match &self.backend {
            Backend::System => {
                let slot = || system::SLOTS.acquire(client);
                self.known.get(host, slot, system::lookup).await
            }
            Backend::Encrypted(server) => {
                let slot = || ENCRYPTED_SLOTS.acquire(client);
                let query = |slot, host| {
                    Box::pin(async move {
                        let answer = server.lookup(permit, host).await;
                        drop(slot);
                        answer
                    })
                };
                self.known.get(host, slot, query).await
            }
        }
    }
}

/// RFC 6761 section 6.3: these names mean this machine and are not sent to a resolver.
fn is_localhost(host: &str) -> bool {
    host == "localhost" || host.ends_with(".localhost")
}
