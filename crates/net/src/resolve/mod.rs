//! Names into addresses. [`EntryResolver`] knows the names of configured upstreams only; [`Resolver`] asks for a permit.

mod cache;
mod encrypted;
mod flight;
mod system;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use privet_config::Dns;
use privet_policy::DirectPermit;

use crate::socket::entry::Entry;
use crate::{DialError, DialErrorKind};
use encrypted::Encrypted;
use flight::Flights;

/// Why there are no addresses.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Failure {
    #[error("the name {0} does not exist or has no address")]
    NotFound(Arc<str>),
    #[error("the resolver did not answer for {0}")]
    NoAnswer(Arc<str>),
}

pub(crate) type Answer = Result<Arc<[IpAddr]>, Failure>;

/// Looks up entry hops, and nothing else: its one method takes an [`Entry`], which only the configuration makes.
#[derive(Default)]
pub(crate) struct EntryResolver(Flights);

impl EntryResolver {
    pub(crate) async fn addresses(&self, entry: &Entry) -> Answer {
        self.0.get(entry.host(), system::lookup).await
    }
}

/// Looks up targets, where a permit allows it: one zone with a cache of its own for each way to resolve that a mode names.
#[derive(Default)]
pub(crate) struct Resolver {
    zones: Vec<Arc<Zone>>,
}

struct Zone {
    dns: Dns,
    known: Flights,
    asked: Asked,
}

enum Asked {
    System,
    Encrypted(Box<Encrypted>),
}

impl Resolver {
    /// Zones that `previous` has too are taken over with what they know.
    pub(crate) fn new<'a>(ways: impl Iterator<Item = &'a Dns>, previous: Option<&Self>) -> Self {
        let mut made = Self::default();
        for dns in ways.filter(|dns| **dns != Dns::Upstream) {
            if made.zone(dns).is_some() {
                continue;
            }
            let kept = previous.and_then(|previous| previous.zone(dns)).cloned();
            made.zones
                .push(kept.unwrap_or_else(|| Arc::new(Zone::new(dns))));
        }
        made
    }

    fn zone(&self, dns: &Dns) -> Option<&Arc<Zone>> {
        self.zones.iter().find(|zone| zone.dns == *dns)
    }

    /// # Errors
    /// `Unsupported` where the mode resolves nothing here, `NameNotFound`, `ResolverFailed`.
    pub(crate) async fn addresses(
        &self,
        permit: &DirectPermit,
        dns: &Dns,
        host: &str,
    ) -> Result<Arc<[IpAddr]>, DialError> {
        if is_localhost(host) {
            return Ok([Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()].into());
        }
        let Some(zone) = self.zone(dns) else {
            return Err(DialError::here(
                DialErrorKind::Unsupported,
                format!(
                    "{host} would go direct, but this mode resolves no name here: \
                     route it through an upstream, or set the mode's dns to \"system\""
                ),
            ));
        };
        zone.addresses(permit, host).await.map_err(|failure| {
            let kind = match failure {
                Failure::NotFound(_) => DialErrorKind::NameNotFound,
                Failure::NoAnswer(_) => DialErrorKind::ResolverFailed,
            };
            DialError::here(kind, failure.to_string())
        })
    }
}

impl Zone {
    fn new(dns: &Dns) -> Self {
        Self {
            dns: dns.clone(),
            known: Flights::default(),
            asked: match dns {
                Dns::System | Dns::Upstream => Asked::System,
                Dns::Https(_) | Dns::Tls(_) => {
                    Asked::Encrypted(Box::new(Encrypted::new(dns.clone())))
                }
            },
        }
    }

    async fn addresses(&self, permit: &DirectPermit, host: &str) -> Answer {
        match &self.asked {
            Asked::System => self.known.get(host, system::lookup).await,
            Asked::Encrypted(server) => {
                let ask = |host| Box::pin(server.lookup(permit, host));
                self.known.get(host, ask).await
            }
        }
    }
}

/// RFC 6761 section 6.3: such names are this machine, and no resolver is asked.
fn is_localhost(host: &str) -> bool {
    host == "localhost" || host.ends_with(".localhost")
}
