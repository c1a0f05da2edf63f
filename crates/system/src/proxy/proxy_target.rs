//! The proxy that settings name, and the proxy that Privet writes into them.

use std::net::SocketAddr;

/// The proxy settings that Privet writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DesiredProxy {
    /// The URL of a PAC file. With it, programs go direct when Privet is gone, unless the mode has a kill switch.
    Pac { url: String },
    /// One proxy for HTTP and HTTPS, and one for SOCKS where there is a listener.
    Manual {
        http: SocketAddr,
        socks: Option<SocketAddr>,
    },
}

impl DesiredProxy {
    /// The PAC file served by a listener on `address`.
    pub fn pac(address: SocketAddr) -> Self {
        Self::Pac {
            url: format!("http://{address}/proxy.pac"),
        }
    }
}

impl std::fmt::Display for DesiredProxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pac { url } => write!(f, "{url}"),
            Self::Manual { http, .. } => write!(f, "{http}"),
        }
    }
}

/// The scheme that a proxy is set for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyScheme {
    Http,
    Https,
    Ftp,
    Socks,
}

/// One proxy in a desktop's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyEndpoint {
    pub serves: ProxyScheme,
    /// A host name or an address, without brackets.
    pub host: String,
    pub port: u16,
}

impl ProxyEndpoint {
    pub fn new(serves: ProxyScheme, host: impl Into<String>, port: u16) -> Self {
        let host = host.into();
        Self {
            serves,
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
        }
    }
}

/// "host:port", an IPv6 address in brackets.
impl std::fmt::Display for ProxyEndpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// The proxy that a desktop's settings name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyTarget {
    Disabled,
    Pac(String),
    /// Each proxy that is set.
    Proxies(Vec<ProxyEndpoint>),
    /// Found by the system (WPAD), or taken from the environment.
    Other(&'static str),
}

impl std::fmt::Display for ProxyTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Disabled => f.write_str("no proxy"),
            // Manual settings without a proxy.
            Self::Proxies(all) if all.is_empty() => f.write_str("no proxy"),
            Self::Pac(url) => write!(f, "the PAC file {url}"),
            Self::Other(what) => f.write_str(what),
            Self::Proxies(all) => {
                let mut seen: Vec<String> = Vec::new();
                for proxy in all {
                    let one = proxy.to_string();
                    if !seen.contains(&one) {
                        seen.push(one);
                    }
                }
                write!(f, "the proxy {}", seen.join(", "))
            }
        }
    }
}
