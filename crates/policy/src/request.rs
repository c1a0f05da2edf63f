//! What is known of a connection when the policy decides on it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::SystemTime;

use compact_str::CompactString;
use serde::Serialize;

/// The destination as the client named it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// ASCII, lower case, without a final dot, 1 to 253 bytes. Made by [`Host::parse`] only.
    Name(CompactString),
    Ip(IpAddr),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    pub host: Host,
    pub port: u16,
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => f.write_str(name),
            Host::Ip(ip) => ip.fmt(f),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host {
            Host::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]:{}", self.port),
            _ => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// The protocol between client and Privet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// SOCKS4 and SOCKS4a.
    Socks4,
    Socks5,
    /// A SOCKS5 UDP association; a rule on "socks5" matches it too.
    Udp,
    /// A plain HTTP request in absolute-form.
    Http,
    /// HTTP CONNECT; a rule on "http" matches it too.
    Connect,
}

impl Protocol {
    /// As rules write it.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Socks4 => "socks4",
            Protocol::Socks5 => "socks5",
            Protocol::Udp => "udp",
            Protocol::Http => "http",
            Protocol::Connect => "connect",
        }
    }

    /// The protocol that rules write like this.
    pub fn from_name(name: &str) -> Option<Protocol> {
        use Protocol::{Connect, Http, Socks4, Socks5, Udp};
        [Socks4, Socks5, Udp, Http, Connect]
            .into_iter()
            .find(|protocol| protocol.name() == name)
    }
}

/// The kind of listener that accepted the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Listener {
    Mixed,
    Socks,
    Http,
    /// HTTP over TLS.
    Https,
    /// Of a site. Its requests are not decided by the policy.
    Site,
}

/// The program behind a loopback connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// The executable's file name: "firefox"; of a Flatpak application its id: "org.mozilla.firefox".
    pub name: Arc<str>,
    /// Its full path, where it could be read.
    pub path: Option<Arc<str>>,
    pub pid: u32,
    /// The user that it runs as, where that is known.
    pub user: Option<u32>,
}

/// The program behind a client's connection, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program<'a> {
    /// The client is no program of this machine, or no rule asks for it: no rule with an `app` key matches.
    Absent,
    Known(&'a App),
    /// It was not found in time: rules with an `app` key cannot be evaluated.
    Undetermined,
}

impl<'a> Program<'a> {
    pub fn known(self) -> Option<&'a App> {
        match self {
            Self::Known(app) => Some(app),
            Self::Absent | Self::Undetermined => None,
        }
    }
}

impl<'a> From<Option<&'a App>> for Program<'a> {
    fn from(app: Option<&'a App>) -> Self {
        app.map_or(Self::Absent, Self::Known)
    }
}

/// The addresses of a target that is a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addresses<'a> {
    /// Not looked up so far; [`crate::Verdict::wants_addresses`] says whether that is needed.
    Unresolved,
    /// At least one.
    Known(&'a [IpAddr]),
    /// The look-up failed.
    Failed,
}

impl<'a> Addresses<'a> {
    pub fn known(self) -> &'a [IpAddr] {
        match self {
            Self::Known(addresses) => addresses,
            Self::Unresolved | Self::Failed => &[],
        }
    }
}

impl<'a> From<&'a [IpAddr]> for Addresses<'a> {
    /// None: they were not looked up.
    fn from(addresses: &'a [IpAddr]) -> Self {
        match addresses {
            [] => Self::Unresolved,
            some => Self::Known(some),
        }
    }
}

/// One question to the policy.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    pub listener: Listener,
    pub client: SocketAddr,
    pub protocol: Protocol,
    /// The name the client logged in with.
    pub user: Option<&'a str>,
    /// The program behind the client's connection.
    pub app: Program<'a>,
    pub target: &'a Target,
    /// The addresses of a target that is a name.
    pub addresses: Addresses<'a>,
    /// The whole URL, where it can be read (plain HTTP).
    pub url: Option<&'a str>,
    /// The host of the page that made the request, from the Referer (plain HTTP); lower case.
    pub page: Option<&'a str>,
    pub at: SystemTime,
}
