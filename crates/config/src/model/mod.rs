//! The checked configuration. Every name in it is defined, every number is in range.

mod content;
mod filter;
mod listen;
mod log;
mod mode;
mod rule;
mod secret;
mod site;
mod upstream;

use std::collections::BTreeMap;
use std::net::SocketAddr;

pub use content::{
    Cache, CacheRedis, Inspect, Scan, ScanErrorAction, ScanHold, ServiceAddress, ServiceEndpoint,
    SniMismatch,
};
pub use filter::{Filter, FilterList, ListFormat, ListSource};
pub use listen::{Listen, ListenLimits, ListenTls, User};
pub use log::{Log, LogFormat, RequestLog, Retention};
pub use mode::{Dns, Fallback, HeaderMode, Mode, RouteRef};
pub use rule::{Rule, RuleAction, RuleMatch, RuleProtocol};
pub use secret::Secret;
pub use site::{Backend, Balance, Site, SiteHealth, SiteLimit, SiteRoute, SiteTls};
pub use upstream::{CertificatePin, Group, GroupPolicy, HealthCheck, Isolation, Scheme, Upstream};

/// A whole configuration, checked: names are defined, chains have no cycle, values are in range.
#[derive(Debug, Clone)]
pub struct Config {
    /// The current mode: a key of [`Config::modes`].
    pub mode: String,
    pub listen: Listen,
    /// The built-in modes "off", "standard" and "strict" as the file changed them, and the file's own.
    pub modes: BTreeMap<String, Mode>,
    pub upstreams: Vec<Upstream>,
    pub groups: Vec<Group>,
    pub rules: Vec<Rule>,
    pub filter: Filter,
    pub cache: Cache,
    pub inspect: Inspect,
    pub scan: Scan,
    pub sites: Vec<Site>,
    pub control: Control,
    pub log: Log,
}

/// TCP listeners of the API and the metrics; `None`: off.
#[derive(Debug, Clone, Default)]
pub struct Control {
    pub http: Option<SocketAddr>,
    pub metrics: Option<SocketAddr>,
}
