//! The encrypted resolver that the configuration names.

use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::config::ProtocolConfig;
use privet_config::Dns;

/// For one query, which is tried twice.
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);
const DOT_PORT: u16 = 853;

/// The resolver's address and protocol.
pub(super) struct DnsServer {
    pub(super) host: Arc<str>,
    pub(super) port: u16,
    pub(super) protocol: ProtocolConfig,
}

impl DnsServer {
    pub(super) fn of(dns: &Dns) -> Result<Self, String> {
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
