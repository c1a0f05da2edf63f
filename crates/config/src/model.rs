//! The checked configuration. Every name in it is defined, every number is in range.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use ipnet::IpNet;
use secrecy::SecretString;

use crate::backend_url::BackendUrl;

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

/// Where a secret is stored. `Debug` shows the kind and the name, never a value.
#[derive(Debug, Clone)]
pub enum Secret {
    /// An entry of the desktop's keyring.
    Keyring(String),
    /// An environment variable.
    Env(String),
    /// The first line of a file; the path is absolute.
    File(PathBuf),
    /// In the file itself; accepted with a warning.
    Plain(SecretString),
}

/// The settings of a mode.
#[derive(Debug, Clone)]
pub struct Mode {
    pub route: RouteRef,
    pub filter: bool,
    pub headers: HeaderMode,
    /// When the route is down, connections fail. They never go direct, and no name is resolved here.
    pub kill_switch: bool,
    /// Where connections of the mode's route go when that is down. [`Fallback::Direct`] excludes a kill switch.
    pub fallback: Fallback,
    /// `false`: nothing is kept of connections that ended. Checked, but not served yet.
    pub history: bool,
    pub dns: Dns,
}

/// Where a connection goes when the upstream or group that was named for it is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fallback {
    /// Nowhere: it fails.
    #[default]
    None,
    Direct,
}

/// Where a mode sends connections that no rule matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteRef {
    /// The first group, else the first upstream, else nothing (every connection is refused): the default of "strict".
    FirstOutbound,
    Direct,
    /// The name of an upstream or a group.
    Outbound(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderMode {
    Untouched,
    Reduced,
    Minimal,
}

/// How names are resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dns {
    System,
    /// Names are sent to the upstream and never resolved here.
    Upstream,
    /// DNS over HTTPS (RFC 8484): the query URL.
    Https(String),
    /// DNS over TLS (RFC 7858): `host` or `host:port`.
    Tls(String),
}

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

#[derive(Debug, Clone)]
pub struct Rule {
    pub matcher: RuleMatch,
    pub action: RuleAction,
    /// Where the connection goes when the outbound of `action` is down.
    pub fallback: Fallback,
    /// Whether `[filter]` decides on what the rule routes.
    pub filter: bool,
    /// Whether the rule's `ip` key may cause a look-up of a name.
    pub resolve: bool,
    /// From this time on the rule does not match any more.
    pub until: Option<SystemTime>,
    /// The line on which the rule starts, from 1.
    pub line: usize,
}

/// All keys must match, by any of their entries; an empty key matches everything.
#[derive(Debug, Clone, Default)]
pub struct RuleMatch {
    pub domain: Vec<String>,
    pub domain_suffix: Vec<String>,
    pub domain_regex: Vec<String>,
    pub ip: Vec<IpNet>,
    /// Inclusive ranges of ports.
    pub port: Vec<(u16, u16)>,
    pub app: Vec<String>,
    pub protocol: Vec<RuleProtocol>,
    pub user: Vec<String>,
}

/// A protocol that a rule names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleProtocol {
    /// SOCKS4 and SOCKS4a.
    Socks4,
    /// SOCKS5, its UDP associations too.
    Socks5,
    /// SOCKS5 UDP associations.
    Udp,
    /// HTTP, CONNECT too.
    Http,
    /// HTTP CONNECT.
    Connect,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleAction {
    Direct,
    Block,
    /// Ask the user. Nobody can be asked yet: such connections are refused.
    Ask,
    /// The name of an upstream or a group.
    Outbound(String),
}

#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub allow: Vec<String>,
    pub deny: Vec<String>,
    pub lists: Vec<FilterList>,
}

#[derive(Debug, Clone)]
pub struct FilterList {
    pub name: String,
    pub source: ListSource,
    pub format: ListFormat,
    pub enabled: bool,
    pub refresh: Duration,
    /// It holds for private addresses too where it names them; else those are the user's own.
    pub private_addresses: bool,
    /// How long a new list only counts what it would block; zero: it blocks at once.
    pub probation: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListSource {
    /// Absolute; relative paths are joined to the configuration's folder.
    Path(PathBuf),
    Url(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListFormat {
    Auto,
    Adblock,
    Hosts,
    Domains,
    Dnsmasq,
    Rpz,
}

#[derive(Debug, Clone)]
pub struct Cache {
    pub enabled: bool,
    /// Bytes.
    pub memory: u64,
    /// Bytes; 0: memory only.
    pub disk: u64,
    /// Disk entries are encrypted. Checked, but not served yet.
    pub encrypt: bool,
    pub shared: bool,
}

#[derive(Debug, Clone, Default)]
pub struct Inspect {
    pub enabled: bool,
    pub hosts: Vec<String>,
    pub except: Vec<String>,
    /// PEM files with authorities that may sign the certificates of origins, in addition to the system's; absolute.
    pub trust: Vec<PathBuf>,
}

#[derive(Debug, Clone)]
pub struct Scan {
    pub enabled: bool,
    pub rules: Vec<String>,
    pub clamd: Option<String>,
    /// The URL of an ICAP service: `icap://HOST[:PORT]/SERVICE`.
    pub icap: Option<String>,
    /// Bytes.
    pub max_body: u64,
    /// What happens to bodies larger than `max_body`.
    pub oversize: ScanErrorAction,
    pub on_error: ScanErrorAction,
}

/// What happens to a body that was not scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanErrorAction {
    Block,
    Pass,
}

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

/// TCP listeners of the API and the metrics; `None`: off.
#[derive(Debug, Clone, Default)]
pub struct Control {
    pub http: Option<SocketAddr>,
    pub metrics: Option<SocketAddr>,
}

#[derive(Debug, Clone)]
pub struct Log {
    /// A `tracing` filter: "info", "debug", "privet_net=trace,info".
    pub level: String,
    pub format: LogFormat,
    pub connections: Retention,
    pub requests: RequestLog,
}

/// Whether requests that can be read are recorded as rows of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestLog {
    None,
    Memory,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// How long ended connections are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// Not at all, also no totals by domain.
    None,
    /// In memory, until the program ends.
    Memory,
    /// On disk, for this time.
    Disk(Duration),
}
