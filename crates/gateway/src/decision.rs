//! The policy's answer to a request: a route, or a refusal.

use std::net::IpAddr;
use std::sync::Arc;

use privet_cache::Cache;
use privet_config::HeaderMode;
use privet_net::DialError;
use privet_policy::{App, Route, Treatment, Why};
use privet_scan::RequestScanner;

/// The route that the policy chose.
#[derive(Clone)]
pub struct RouteDecision {
    pub route: Route,
    /// Requests with equal keys may share an upstream connection to the same target. The key covers the route, the
    /// isolation and the policy generation.
    pub pool_key: u64,
    /// The policy that decided. [`Gateway::dial`](crate::Gateway::dial) decides again where another one is current.
    pub policy_generation: u64,
    pub why: Why,
    /// Whether HTTPS in the tunnel is inspected, and whether bodies are scanned.
    pub treatment: Treatment,
    pub header_mode: HeaderMode,
    pub app: Option<Arc<App>>,
    /// The target's addresses, where deciding had to resolve them; empty otherwise.
    pub addresses: Vec<IpAddr>,
    /// The cache that a plain HTTP request may use.
    pub cache: Option<CacheAccess>,
    /// What scans the bodies of a request that can be read.
    pub scanner: Option<RequestScanner>,
}

/// The part of the cache that a client may use.
#[derive(Debug, Clone)]
pub struct CacheAccess {
    pub cache: Arc<Cache>,
    /// Who asks, as a hash of everything but the page and the request's credentials; `None`: the cache is shared.
    pub asker: Option<[u8; 16]>,
    /// Whether entries may outlive the process.
    pub keep_on_disk: bool,
    /// Whether connections on the route have credentials of their own, so that each way to the origin is another identity.
    pub isolates: bool,
}

/// Why a request is refused.
pub enum Refusal {
    /// By the policy.
    Blocked(Why),
    /// The connection could not be opened.
    Failed(DialError),
}
