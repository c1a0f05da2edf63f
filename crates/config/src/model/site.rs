//! `[[site]]`: the reverse proxy.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use crate::backend_url::BackendUrl;

/// A service published by the reverse proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    pub name: String,
    pub listen: Vec<SocketAddr>,
    pub hosts: Vec<String>,
    pub tls: Option<SiteTls>,
    pub balance: Balance,
    pub hash_on: Option<String>,
    pub cache: bool,
    pub limit: SiteLimit,
    pub allow: Vec<IpNet>,
    pub deny: Vec<IpNet>,
    pub backends: Vec<Backend>,
    pub health: Option<SiteHealth>,
    pub routes: Vec<SiteRoute>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SiteTls {
    Files {
        cert: PathBuf,
        key: PathBuf,
    },
    Acme {
        directory: String,
        contact: Option<String>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Balance {
    RoundRobin,
    LeastConnections,
    LeastTime,
    Hash,
}

/// Limits of a site; 0: none. Rates are per client address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteLimit {
    pub requests_per_second: u32,
    pub burst: u32,
    /// Bytes.
    pub body: u64,
    /// Bytes.
    pub header_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    pub url: BackendUrl,
    pub weight: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteHealth {
    pub path: String,
    pub interval: Duration,
    pub timeout: Duration,
    pub unhealthy_after: u32,
    pub healthy_after: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteRoute {
    pub path: String,
    pub strip_prefix: bool,
    pub backends: Vec<BackendUrl>,
}
