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
}

/// The kind of listener that accepted the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Listener {
    Mixed,
    Socks,
    Http,
}

/// The program behind a loopback connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// The executable's file name: "firefox".
    pub name: Arc<str>,
    /// Its full path, where it could be read.
    pub path: Option<Arc<str>>,
    pub pid: u32,
}

/// One question to the policy.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    pub listener: Listener,
    pub client: SocketAddr,
    pub protocol: Protocol,
    /// The name the client logged in with.
    pub user: Option<&'a str>,
    /// The program behind the client's connection; `None`: not looked up, or not found.
    pub app: Option<&'a App>,
    pub target: &'a Target,
    /// The target's addresses, where they were resolved before.
    pub addresses: &'a [IpAddr],
    /// The whole URL, where it can be read (plain HTTP).
    pub url: Option<&'a str>,
    /// The host of the page that made the request, from the Referer (plain HTTP); lower case.
    pub page: Option<&'a str>,
    pub at: SystemTime,
}
