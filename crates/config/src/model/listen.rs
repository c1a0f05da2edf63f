//! `[listen]`: the listeners, and which clients may use them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::secret::Secret;

/// The listeners, and which clients may use them.
#[derive(Debug, Clone)]
pub struct Listen {
    pub mixed: Vec<SocketAddr>,
    pub socks: Vec<SocketAddr>,
    pub http: Vec<SocketAddr>,
    /// HTTP proxy over TLS; needs `tls`.
    pub https: Vec<SocketAddr>,
    /// The certificate of the `https` listeners.
    pub tls: Option<ListenTls>,
    pub pac: Option<SocketAddr>,
    /// Connections from outside these networks are closed at accept. `None`: the key is absent; loopback listeners serve
    /// loopback, others rely on `users`.
    pub allow_clients: Option<Vec<IpNet>>,
    pub users: Vec<User>,
    pub limits: ListenLimits,
}

/// The certificate of the HTTP proxy over TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenTls {
    /// PEM files; the paths are absolute.
    Files {
        cert: PathBuf,
        key: PathBuf,
    },
    SelfSigned,
}

#[derive(Debug, Clone)]
pub struct ListenLimits {
    /// Connections of all listeners together, 1 to 1,000,000; further clients are refused.
    pub connections: usize,
    /// Connections of one client: a program of this machine, or an address. Up to 1,000,000; 0: no limit.
    pub connections_per_client: usize,
    /// The time from accept to the end of the SOCKS handshake, or to the first byte of HTTP. 100 ms to 10 min.
    pub handshake_timeout: Duration,
    /// HTTP: the time from the first byte of a request's head to its last. 100 ms to 10 min.
    pub request_header_timeout: Duration,
    /// HTTP: the time in which the next part of a request's body has to come. 100 ms to 1 h.
    pub request_body_timeout: Duration,
    /// HTTP: the time in which an origin has to take more of a request or complete the head of its response. 100 ms to 1 day.
    pub response_header_timeout: Duration,
    /// A tunnel or kept-alive connection without traffic for this time is closed. 100 ms to 30 days.
    pub idle_timeout: Duration,
}

#[derive(Debug, Clone)]
pub struct User {
    pub name: String,
    pub password: Secret,
}
