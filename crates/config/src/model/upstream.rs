//! `[[upstream]]` and `[[group]]`: the proxies that connections go through.

use std::path::PathBuf;
use std::time::Duration;

use super::secret::Secret;

#[derive(Debug, Clone)]
pub struct Upstream {
    pub name: String,
    pub scheme: Scheme,
    /// A name (lower case) or an IP address literal without brackets.
    pub host: String,
    pub port: u16,
    pub username: Option<String>,
    pub password: Option<Secret>,
    /// The name of the upstream through which this one is reached.
    pub via: Option<String>,
    pub isolate: Isolation,
    /// PEM file with certificate authorities for an `https` upstream, in addition to the system's.
    pub ca: Option<PathBuf>,
    /// Only certificates with one of these digests are accepted, whoever signed them. Empty: authorities decide.
    pub pins: Vec<CertificatePin>,
}

/// A SHA-256 digest by which a server is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificatePin {
    /// Of the whole certificate.
    Certificate([u8; 32]),
    /// Of its public key (subjectPublicKeyInfo), which a renewed certificate may keep.
    PublicKey([u8; 32]),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Socks4,
    Socks4a,
    Socks5,
    /// HTTP proxy without TLS.
    Http,
    /// HTTP proxy over TLS.
    Https,
}

/// Stream isolation: which connections share a SOCKS username, and so a circuit of an upstream like Tor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    None,
    Host,
    App,
}

#[derive(Debug, Clone)]
pub struct Group {
    pub name: String,
    pub policy: GroupPolicy,
    /// Names of upstreams, at least one.
    pub members: Vec<String>,
    pub check: Option<HealthCheck>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupPolicy {
    Failover,
    Latency,
    RoundRobin,
    Sticky,
}

/// An active health check: `url` is fetched through each member.
#[derive(Debug, Clone)]
pub struct HealthCheck {
    pub url: String,
    pub interval: Duration,
    pub timeout: Duration,
}
