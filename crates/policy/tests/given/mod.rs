//! Test data: a whole configuration in few lines.
#![allow(dead_code, reason = "each test file uses its part")]

pub mod random;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use privet_config::*;
use privet_policy::{App, Listener, OwnEndpoints, Policy, Protocol, Request, Target};

pub const NOW: SystemTime = SystemTime::UNIX_EPOCH;

pub fn mode(route: RouteRef, filter: bool, kill_switch: bool) -> Mode {
    Mode {
        route,
        filter,
        headers: HeaderMode::Reduced,
        kill_switch,
        fallback: Fallback::None,
        history: true,
        dns: Dns::System,
        inspect: true,
        scan: true,
        scan_hold: None,
    }
}

pub fn upstream(name: &str) -> Upstream {
    Upstream {
        name: name.into(),
        scheme: Scheme::Socks5,
        host: "127.0.0.1".into(),
        port: 1080,
        username: None,
        password: None,
        via: None,
        isolate: Isolation::None,
        ca: None,
        pins: Vec::new(),
    }
}

pub fn config() -> Config {
    Config {
        mode: "standard".into(),
        listen: Listen {
            mixed: Vec::new(),
            socks: Vec::new(),
            http: Vec::new(),
            https: Vec::new(),
            tls: None,
            pac: None,
            allow_clients: None,
            users: Vec::new(),
            limits: ListenLimits {
                connections: 1,
                ..ListenLimits::default()
            },
        },
        modes: [
            ("off", mode(RouteRef::Direct, false, false)),
            ("standard", mode(RouteRef::Direct, true, false)),
            ("strict", mode(RouteRef::FirstOutbound, true, true)),
            ("sealed", mode(RouteRef::Direct, true, true)),
            (
                "office",
                mode(RouteRef::Outbound("tor".into()), true, false),
            ),
        ]
        .map(|(name, mode)| (name.to_owned(), mode))
        .into(),
        upstreams: vec![upstream("office"), upstream("tor")],
        groups: vec![Group {
            name: "auto".into(),
            policy: GroupPolicy::Failover,
            members: vec!["office".into()],
            check: None,
        }],
        rules: Vec::new(),
        filter: Filter::default(),
        cache: Cache {
            enabled: false,
            memory: 0,
            disk: 0,
            encrypt: false,
            shared: false,
            redis: None,
        },
        inspect: Inspect::default(),
        scan: Scan {
            enabled: false,
            rules: Vec::new(),
            clamd: None,
            icap: None,
            max_body: 0,
            hold: ScanHold::Small,
            memory: 0,
            spool: 0,
            oversize: ScanErrorAction::Pass,
            on_error: ScanErrorAction::Block,
            unscannable: ScanErrorAction::Block,
        },
        sites: Vec::new(),
        control: Control::default(),
        log: Log {
            level: "info".into(),
            format: LogFormat::Text,
            connections: Retention::Memory,
            requests: RequestLog::Memory,
        },
    }
}

pub fn rule(action: RuleAction, change: impl FnOnce(&mut RuleMatch)) -> Rule {
    let mut matcher = RuleMatch::default();
    change(&mut matcher);
    Rule {
        matcher,
        action,
        fallback: Fallback::None,
        filter: true,
        resolve: true,
        inspect: None,
        scan: None,
        until: None,
        line: 1,
    }
}

/// With its rules numbered, and each on the line ten times its number.
pub fn with_rules(rules: Vec<Rule>) -> Config {
    let rules = rules.into_iter().enumerate();
    Config {
        rules: rules
            .map(|(at, rule)| Rule {
                line: (at + 1) * 10,
                ..rule
            })
            .collect(),
        ..config()
    }
}

pub fn list(name: &str) -> FilterList {
    FilterList {
        name: name.into(),
        source: ListSource::Url("http://lists.test/".into()),
        format: ListFormat::Auto,
        enabled: true,
        refresh: Duration::from_secs(1),
        probation: Duration::ZERO,
        private_addresses: false,
    }
}

pub fn own() -> OwnEndpoints {
    OwnEndpoints {
        listeners: vec!["127.0.0.1:7280".parse().unwrap()],
        ..OwnEndpoints::default()
    }
}

pub fn policy(config: &Config) -> Policy {
    Policy::compile(config, &[], own()).unwrap()
}

pub fn strings<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).to_vec()
}

/// A request that owns its parts.
#[derive(Debug, Clone)]
pub struct TestRequest {
    pub protocol: Protocol,
    pub user: Option<String>,
    pub app: Option<App>,
    pub target: Target,
    pub addresses: Vec<IpAddr>,
    pub url: Option<String>,
    pub page: Option<String>,
    pub at: SystemTime,
}

pub fn request_to(target: &str) -> TestRequest {
    TestRequest {
        protocol: Protocol::Socks5,
        user: None,
        app: None,
        target: Target::parse(target).unwrap(),
        addresses: Vec::new(),
        url: None,
        page: None,
        at: NOW,
    }
}

pub fn app(name: &str, path: &str) -> App {
    App {
        name: name.into(),
        path: Some(path.into()),
        pid: 1,
        user: None,
    }
}

impl TestRequest {
    pub fn borrowed(&self) -> Request<'_> {
        Request {
            listener: Listener::Mixed,
            client: SocketAddr::from(([127, 0, 0, 1], 50000)),
            protocol: self.protocol,
            user: self.user.as_deref(),
            app: self.app.as_ref().into(),
            target: &self.target,
            addresses: self.addresses.as_slice().into(),
            url: self.url.as_deref(),
            page: self.page.as_deref(),
            at: self.at,
        }
    }
}

pub fn parsed(name: &str, text: &str) -> Arc<privet_policy::List> {
    Arc::new(privet_policy::List::parse(name, text.as_bytes(), ListFormat::Auto).unwrap())
}
