//! Names into addresses. [`EntryResolver`] knows the names of configured upstreams only; [`Resolver`] asks for a permit.

mod system;

use std::net::IpAddr;
use std::sync::Arc;

use privet_config::Dns;
use privet_policy::DirectPermit;

use crate::socket::entry::Entry;
use crate::{DialError, DialErrorKind};

/// Why there are no addresses.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Failure {
    #[error("the name {0} does not exist or has no address")]
    NotFound(Arc<str>),
    #[error("the resolver did not answer for {0}")]
    NoAnswer(Arc<str>),
}

/// Looks up entry hops, and nothing else: its one method takes an [`Entry`], which only the configuration makes.
#[derive(Default)]
pub(crate) struct EntryResolver(());

impl EntryResolver {
    pub(crate) async fn addresses(&self, entry: &Entry) -> Result<Arc<[IpAddr]>, Failure> {
        system::lookup(entry.host().clone()).await
    }
}

/// Looks up targets, where a permit allows it.
#[derive(Default)]
pub(crate) struct Resolver(());

impl Resolver {
    pub(crate) async fn addresses(
        &self,
        _permit: &DirectPermit,
        dns: &Dns,
        host: &str,
    ) -> Result<Arc<[IpAddr]>, DialError> {
        if *dns == Dns::Upstream {
            return Err(DialError::here(
                DialErrorKind::Unsupported,
                format!(
                    "{host} would go direct, but this mode never resolves a name here (dns = \"upstream\")"
                ),
            ));
        }
        system::lookup(host.into()).await.map_err(|failure| {
            let kind = match failure {
                Failure::NotFound(_) => DialErrorKind::NameNotFound,
                Failure::NoAnswer(_) => DialErrorKind::ResolverFailed,
            };
            DialError::here(kind, failure.to_string())
        })
    }
}
