//! What the keys of each desktop mean: which one switches, which belong together, and where they point.

use serde::{Deserialize, Serialize};

use super::desired_proxy::DesiredProxy;
use super::settings::ProxySettings;
use super::{gnome, kde, macos, windows};

/// A desktop's way to keep its proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DesktopKind {
    Gnome,
    Kde,
    MacOs,
    Windows,
}

/// What a key is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRole<'a> {
    /// It chooses which of the others count.
    Switch,
    /// Keys of one name are one thing to their user (a host and its port): put back together or not at all.
    Part(&'a str),
}

/// What a proxy is set for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyScheme {
    Http,
    Https,
    Ftp,
    Socks,
}

/// One proxy of a desktop's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyEndpoint {
    pub serves: ProxyScheme,
    /// A name or an address, without brackets.
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

/// Where settings lead, as far as a person wants to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyTarget {
    Disabled,
    Pac(String),
    /// Each proxy that is set.
    Proxies(Vec<ProxyEndpoint>),
    /// Found by the system itself (WPAD), or taken from the environment.
    Other(&'static str),
}

impl DesktopKind {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gnome => "gnome",
            Self::Kde => "kde",
            Self::MacOs => "macos",
            Self::Windows => "windows",
        }
    }

    pub fn key_role(self, key: &str) -> KeyRole<'_> {
        match self {
            Self::Gnome => gnome::key_role(key),
            Self::Kde => kde::key_role(key),
            Self::MacOs => KeyRole::Part(key),
            Self::Windows => windows::key_role(key),
        }
    }

    /// Whether a part counts while the switch reads `switch`.
    pub fn is_active(self, switch: &str, part: &str) -> bool {
        match self {
            Self::Gnome => gnome::is_active(switch, part),
            Self::Kde => kde::is_active(switch, part),
            Self::MacOs => true,
            Self::Windows => windows::is_active(switch, part),
        }
    }

    /// The keys and texts that point at `target`, in the order in which they are written: the switch last.
    pub fn values_for(self, target: &DesiredProxy, now: &ProxySettings) -> Vec<(String, String)> {
        match self {
            Self::Gnome => gnome::values_for(target),
            Self::Kde => kde::values_for(target),
            Self::MacOs => macos::values_for(target, now),
            Self::Windows => windows::values_for(target),
        }
    }

    pub fn current_target(self, settings: &ProxySettings) -> ProxyTarget {
        match self {
            Self::Gnome => gnome::current_target(settings),
            Self::Kde => kde::current_target(settings),
            Self::MacOs => macos::current_target(settings),
            Self::Windows => windows::current_target(settings),
        }
    }

    /// The keys and texts that turn the desktop's proxy off, for a leftover that nobody answers.
    pub fn disabled_values(self, now: &ProxySettings) -> Vec<(String, String)> {
        match self {
            Self::Gnome => vec![("mode".to_owned(), "'none'".to_owned())],
            Self::Kde => vec![("ProxyType".to_owned(), "0".to_owned())],
            Self::MacOs => macos::disabled_values(now),
            Self::Windows => windows::disabled_values(),
        }
    }
}

impl std::fmt::Display for ProxyTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Disabled => f.write_str("no proxy"),
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
