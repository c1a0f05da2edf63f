//! `[cache]`, `[inspect]` and `[scan]`: what happens to content that can be read.

use std::path::PathBuf;
use std::time::Duration;

use super::Secret;
use crate::backend_url::{BackendScheme, BackendUrl};

#[derive(Debug, Clone)]
pub struct Cache {
    pub enabled: bool,
    /// Bytes.
    pub memory: u64,
    /// Bytes; 0: memory only.
    pub disk: u64,
    /// Entries on disk are encrypted under a key in the keyring.
    pub encrypt: bool,
    pub shared: bool,
    /// A store that several machines share, for what is shared.
    pub redis: Option<CacheRedis>,
}

/// A server that speaks the protocol of Redis.
#[derive(Debug, Clone)]
pub struct CacheRedis {
    pub address: ServiceAddress,
    pub username: Option<String>,
    pub password: Option<Secret>,
    /// A PEM file with authorities that may sign its certificate, beside the system's; absolute.
    pub ca: Option<PathBuf>,
    /// What entries are encrypted under, the same on all machines.
    pub secret: Option<Secret>,
    /// How long a request waits for it.
    pub timeout: Duration,
}

#[derive(Debug, Clone, Default)]
pub struct Inspect {
    pub enabled: bool,
    pub hosts: Vec<String>,
    pub except: Vec<String>,
    /// PEM files with authorities that may sign the certificates of origins, in addition to the system's; absolute.
    pub trust: Vec<PathBuf>,
    pub sni_mismatch: SniMismatch,
}

/// What happens to a tunnel whose client asks for another host in its TLS handshake than it asked the proxy for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SniMismatch {
    #[default]
    Block,
    /// It passes untouched.
    Pass,
}

#[derive(Debug, Clone)]
pub struct Scan {
    pub enabled: bool,
    pub rules: Vec<String>,
    pub clamd: Option<ServiceAddress>,
    /// An ICAP service: `icap://HOST[:PORT]/SERVICE`.
    pub icap: Option<ServiceAddress>,
    /// Bytes.
    pub max_body: u64,
    pub hold: ScanHold,
    /// Bytes of memory for bodies that wait for their verdict.
    pub memory: u64,
    /// Bytes on disk for those for which there is no memory; 0: none.
    pub spool: u64,
    /// What happens to bodies larger than `max_body`.
    pub oversize: ScanErrorAction,
    pub on_error: ScanErrorAction,
    /// What happens to archives that no scanner can open.
    pub unscannable: ScanErrorAction,
}

/// Which bodies are withheld whole until their verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ScanHold {
    /// Small ones and programs.
    #[default]
    Small,
    All,
}

/// Where a service is, as the configuration names it.
#[derive(Debug, Clone)]
pub struct ServiceAddress {
    pub text: String,
    pub endpoint: ServiceEndpoint,
}

impl ServiceAddress {
    pub fn is_tls(&self) -> bool {
        matches!(&self.endpoint, ServiceEndpoint::Tcp(url) if url.scheme() == BackendScheme::Https)
    }
}

/// Only the reader of the configuration makes the URL of an endpoint, so nothing else can be dialed.
#[derive(Debug, Clone)]
pub enum ServiceEndpoint {
    /// The path of a Unix socket.
    Unix(PathBuf),
    /// Its scheme says whether it is asked over TLS.
    Tcp(BackendUrl),
}

/// What happens to a body that was not scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanErrorAction {
    Block,
    Pass,
}
