//! What the keys of each desktop mean: which one switches, which belong together, and where they point.

use serde::{Deserialize, Serialize};

use super::settings::ProxySettings;
use super::target::Target;
use super::{gnome, kde, macos, windows};

/// A desktop's way to keep its proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    Gnome,
    Kde,
    MacOs,
    Windows,
}

/// What a key is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit<'a> {
    /// It chooses which of the others count.
    Switch,
    /// Keys of one name are one thing to their user (a host and its port): put back together or not at all.
    Part(&'a str),
}

/// What a proxy is set for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serves {
    Http,
    Https,
    Ftp,
    Socks,
}

/// One proxy of a desktop's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyAt {
    pub serves: Serves,
    /// A name or an address, without brackets.
    pub host: String,
    pub port: u16,
}

impl ProxyAt {
    pub fn new(serves: Serves, host: impl Into<String>, port: u16) -> Self {
        let host = host.into();
        Self {
            serves,
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
        }
    }
}

/// "host:port", an IPv6 address in brackets.
impl std::fmt::Display for ProxyAt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// Where settings lead, as far as a person wants to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pointing {
    Nowhere,
    Pac(String),
    /// Each proxy that is set.
    Proxies(Vec<ProxyAt>),
    /// Found by the system itself (WPAD), or taken from the environment.
    Elsewhere(&'static str),
}

impl Layout {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gnome => "gnome",
            Self::Kde => "kde",
            Self::MacOs => "macos",
            Self::Windows => "windows",
        }
    }

    pub fn unit(self, key: &str) -> Unit<'_> {
        match self {
            Self::Gnome => gnome::unit(key),
            Self::Kde => kde::unit(key),
            Self::MacOs => Unit::Part(key),
            Self::Windows => windows::unit(key),
        }
    }

    /// Whether a part counts while the switch reads `switch`.
    pub fn counts(self, switch: &str, part: &str) -> bool {
        match self {
            Self::Gnome => gnome::counts(switch, part),
            Self::Kde => kde::counts(switch, part),
            Self::MacOs => true,
            Self::Windows => windows::counts(switch, part),
        }
    }

    /// The keys and texts that point at `target`, in the order in which they are written: the switch last.
    pub fn values(self, target: &Target, now: &ProxySettings) -> Vec<(String, String)> {
        match self {
            Self::Gnome => gnome::values(target),
            Self::Kde => kde::values(target),
            Self::MacOs => macos::values(target, now),
            Self::Windows => windows::values(target),
        }
    }

    pub fn pointing(self, settings: &ProxySettings) -> Pointing {
        match self {
            Self::Gnome => gnome::pointing(settings),
            Self::Kde => kde::pointing(settings),
            Self::MacOs => macos::pointing(settings),
            Self::Windows => windows::pointing(settings),
        }
    }

    /// The keys and texts that turn the desktop's proxy off, for a leftover that nobody answers.
    pub fn nowhere(self, now: &ProxySettings) -> Vec<(String, String)> {
        match self {
            Self::Gnome => vec![("mode".to_owned(), "'none'".to_owned())],
            Self::Kde => vec![("ProxyType".to_owned(), "0".to_owned())],
            Self::MacOs => macos::nowhere(now),
            Self::Windows => windows::nowhere(),
        }
    }
}

impl std::fmt::Display for Pointing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nowhere => f.write_str("no proxy"),
            Self::Pac(url) => write!(f, "the PAC file {url}"),
            Self::Elsewhere(what) => f.write_str(what),
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
