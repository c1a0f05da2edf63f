//! The default values.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::model::*;

/// The mode of a file without `mode`.
pub const DEFAULT_MODE: &str = "standard";
/// The mixed listener of a file that names no listener.
pub const DEFAULT_MIXED: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 7280);
/// The PAC listener of a file that names no listener.
pub const DEFAULT_PAC: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 7281);
/// How often a filter list is updated.
pub const DEFAULT_REFRESH: Duration = Duration::from_secs(24 * 3_600);
pub const DEFAULT_CHECK_INTERVAL: Duration = Duration::from_secs(30);
pub const DEFAULT_CHECK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a request waits for the store that machines share.
pub const DEFAULT_REDIS_TIMEOUT: Duration = Duration::from_millis(100);

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

impl Default for Config {
    fn default() -> Self {
        Self {
            mode: DEFAULT_MODE.to_owned(),
            listen: Listen::default(),
            modes: built_in_modes(),
            upstreams: Vec::new(),
            groups: Vec::new(),
            rules: Vec::new(),
            filter: Filter::default(),
            cache: Cache::default(),
            inspect: Inspect::default(),
            scan: Scan::default(),
            sites: Vec::new(),
            control: Control::default(),
            log: Log::default(),
        }
    }
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            mixed: vec![DEFAULT_MIXED],
            socks: Vec::new(),
            http: Vec::new(),
            https: Vec::new(),
            tls: None,
            pac: Some(DEFAULT_PAC),
            allow_clients: None,
            users: Vec::new(),
            limits: ListenLimits::default(),
        }
    }
}

impl Default for ListenLimits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            connections_per_client: 0,
            handshake_timeout: Duration::from_secs(10),
            request_header_timeout: Duration::from_secs(10),
            request_body_timeout: Duration::from_secs(60),
            response_header_timeout: Duration::from_secs(300),
            idle_timeout: Duration::from_secs(3_600),
        }
    }
}

/// "off", "standard" and "strict" before a file changes them.
pub fn built_in_modes() -> BTreeMap<String, Mode> {
    let off = Mode {
        route: RouteRef::Direct,
        filter: false,
        headers: HeaderMode::Untouched,
        kill_switch: false,
        fallback: Fallback::None,
        history: true,
        dns: Dns::System,
        inspect: true,
        scan: true,
        scan_hold: None,
    };
    let strict = Mode {
        route: RouteRef::FirstOutbound,
        filter: true,
        headers: HeaderMode::Minimal,
        kill_switch: true,
        fallback: Fallback::None,
        history: true,
        dns: Dns::Upstream,
        inspect: true,
        scan: true,
        scan_hold: None,
    };
    BTreeMap::from([
        ("off".to_owned(), off),
        (DEFAULT_MODE.to_owned(), Mode::default()),
        ("strict".to_owned(), strict),
    ])
}

/// The mode "standard".
impl Default for Mode {
    fn default() -> Self {
        Self {
            route: RouteRef::Direct,
            filter: true,
            headers: HeaderMode::Reduced,
            kill_switch: false,
            fallback: Fallback::None,
            history: true,
            dns: Dns::System,
            inspect: true,
            scan: true,
            scan_hold: None,
        }
    }
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            enabled: false,
            memory: 64 * MIB,
            disk: 0,
            encrypt: false,
            shared: false,
            redis: None,
        }
    }
}

impl Default for Scan {
    fn default() -> Self {
        Self {
            enabled: false,
            rules: Vec::new(),
            clamd: None,
            icap: None,
            max_body: 32 * MIB,
            hold: ScanHold::Small,
            memory: 128 * MIB,
            spool: 1024 * MIB,
            oversize: ScanErrorAction::Pass,
            on_error: ScanErrorAction::Block,
            unscannable: ScanErrorAction::Block,
        }
    }
}

impl Default for SiteLimit {
    fn default() -> Self {
        Self {
            requests_per_second: 0,
            burst: 0,
            body: 64 * MIB,
            header_bytes: 32 * KIB,
        }
    }
}

impl Default for SiteHealth {
    fn default() -> Self {
        Self {
            path: "/healthz".to_owned(),
            interval: Duration::from_secs(2),
            timeout: Duration::from_secs(1),
            unhealthy_after: 2,
            healthy_after: 2,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: LogFormat::Text,
            connections: Retention::Memory,
            requests: RequestLog::Memory,
        }
    }
}
