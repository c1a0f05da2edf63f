//! The address of a configured upstream. It is made from the configuration alone, so no name that a client sent can get
//! into it: that is why connecting to it needs no permit.

use std::net::IpAddr;
use std::sync::Arc;

use privet_config::Upstream;

/// Host and port of a configured upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EntryAddress {
    pub(crate) name: Arc<str>,
    pub(crate) host: Arc<str>,
    pub(crate) literal: Option<IpAddr>,
    pub(crate) port: u16,
}

impl EntryAddress {
    pub(crate) fn of(upstream: &Upstream) -> Self {
        Self {
            name: upstream.name.as_str().into(),
            host: upstream.host.as_str().into(),
            literal: upstream.host.parse().ok(),
            port: upstream.port,
        }
    }

    /// The name to resolve. Only [`EntryResolver`](crate::resolve::EntryResolver) resolves it.
    pub(crate) fn host(&self) -> &Arc<str> {
        &self.host
    }
}
