//! The address of a configured upstream. It is made from the configuration alone, so no name that a client sent can get
//! into it: that is why connecting to it needs no permit.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
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

impl fmt::Display for EntryAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.literal {
            Some(ip) => SocketAddr::new(ip, self.port).fmt(f),
            None => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_address_is_shown_in_brackets() {
        for (host, shown) in [
            ("::1", "[::1]:9"),
            ("10.0.0.1", "10.0.0.1:9"),
            ("a.test", "a.test:9"),
        ] {
            let entry = EntryAddress {
                name: "a".into(),
                host: host.into(),
                literal: host.parse().ok(),
                port: 9,
            };
            assert_eq!(entry.to_string(), shown);
        }
    }
}
