//! Random policies and requests over few names, so that rules, lists and requests often match.
#![allow(dead_code, reason = "each test file uses its part")]

use std::net::IpAddr;
use std::time::Duration;

use privet_config::{Config, Fallback, Rule, RuleAction, RuleMatch};
use privet_policy::{Protocol, Target};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::{NOW, TestRequest, app, list, with_rules};

pub const NAMES: [&str; 9] = [
    "test",
    "a.test",
    "b.a.test",
    "www.b.a.test",
    "xa.test",
    "ads1.test",
    "other.example",
    "sub.localhost",
    "nest.lan",
];
pub const ADDRESSES: [&str; 6] = [
    "10.0.0.1",
    "10.200.0.1",
    "192.0.2.7",
    "127.0.0.1",
    "2001:db8::1",
    "2001:db8:1::1",
];
const NETS: [&str; 6] = [
    "10.0.0.0/9",
    "10.0.0.0/8",
    "192.0.2.7/32",
    "2001:db8::/33",
    "2001:db8::/32",
    "0.0.0.0/0",
];
pub const PORTS: [u16; 4] = [80, 443, 7280, 8080];

fn some<T: Clone + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = Vec<T>> {
    prop_oneof![3 => Just(Vec::new()), 2 => vec(select(all), 1..3)]
}

fn texts(all: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    some(all).prop_map(|picked| picked.into_iter().map(str::to_owned).collect())
}

fn ports() -> impl Strategy<Value = Vec<(u16, u16)>> {
    some(&[(80, 80), (443, 443), (400, 9000), (1, 65535)])
}

/// What a URL shows.
fn plain_match() -> impl Strategy<Value = RuleMatch> {
    let hosts = || {
        texts(&[
            "test",
            "a.test",
            "b.a.test",
            "ads1.test",
            "10.0.0.1",
            "2001:db8::1",
            "nest.lan",
        ])
    };
    let nets = texts(&NETS).prop_map(|nets| nets.iter().map(|n| n.parse().unwrap()).collect());
    (hosts(), hosts(), nets, ports()).prop_map(|(domain, domain_suffix, ip, port)| RuleMatch {
        domain,
        domain_suffix,
        ip,
        port,
        ..RuleMatch::default()
    })
}

fn whole_match() -> impl Strategy<Value = RuleMatch> {
    (
        plain_match(),
        texts(&["^ads\\d", "a\\.", "^10\\."]),
        texts(&["firefox", "CURL", "/usr/bin/curl"]),
        texts(&["socks4", "socks5", "udp", "http", "connect"]),
        texts(&["alice", "bob"]),
    )
        .prop_map(|(plain, domain_regex, app, protocols, user)| RuleMatch {
            domain_regex,
            app,
            protocol: protocols.iter().map(|p| p.parse().unwrap()).collect(),
            user,
            ..plain
        })
}

fn then() -> impl Strategy<Value = RuleAction> {
    prop_oneof![
        Just(RuleAction::Direct),
        Just(RuleAction::Block),
        select(&["office", "tor", "auto"][..]).prop_map(|name| RuleAction::Outbound(name.into())),
    ]
}

pub fn rules(plain: bool) -> impl Strategy<Value = Vec<Rule>> {
    let matcher = if plain {
        plain_match().boxed()
    } else {
        prop_oneof![plain_match(), whole_match()].boxed()
    };
    let until = if plain {
        Just(None).boxed()
    } else {
        option::weighted(0.1, select(&[5u64, 50][..])).boxed()
    };
    let keys = (any::<bool>(), any::<bool>(), any::<bool>());
    let rule = (matcher, then(), until, keys).prop_map(|(matcher, then, until, keys)| Rule {
        matcher,
        action: then,
        fallback: if keys.0 {
            Fallback::Direct
        } else {
            Fallback::None
        },
        filter: keys.1,
        resolve: keys.2,
        inspect: None,
        scan: None,
        until: until.map(|secs| NOW + Duration::from_secs(secs)),
        line: 0,
    });
    vec(rule, 0..8)
}

/// Rules, filter and mode; the lists "one" and "two" are named.
pub fn config(plain: bool) -> impl Strategy<Value = Config> {
    (
        rules(plain),
        texts(&NAMES),
        texts(&NAMES),
        select(&["off", "standard", "strict", "sealed", "office"][..]),
    )
        .prop_map(|(rules, allow, deny, mode)| {
            let mut config = with_rules(rules);
            config.filter.allow = allow;
            config.filter.deny = deny;
            config.filter.lists = vec![list("one"), list("two")];
            config.mode = mode.into();
            config
        })
}

/// A list in one of the formats over the same names.
pub fn list_text() -> impl Strategy<Value = String> {
    let names = || vec(select(&NAMES[1..]), 0..5);
    prop_oneof![
        names().prop_map(|n| n.iter().map(|n| format!("0.0.0.0 {n}\n")).collect()),
        names().prop_map(|n| n.iter().map(|n| format!("{n}\n")).collect()),
        names().prop_map(|n| n.iter().map(|n| format!("address=/{n}/\n")).collect()),
        (names(), names()).prop_map(|(n, e)| {
            let blocks = n.iter().map(|n| format!("||{n}^\n"));
            blocks
                .chain(e.iter().map(|e| format!("@@||{e}^\n")))
                .collect()
        }),
    ]
}

pub fn host() -> impl Strategy<Value = &'static str> {
    prop_oneof![3 => select(&NAMES[..]), 2 => select(&ADDRESSES[..])]
}

pub fn target() -> impl Strategy<Value = Target> {
    (host(), select(&PORTS[..])).prop_map(|(host, port)| Target {
        host: privet_policy::Host::parse(host).unwrap(),
        port,
    })
}

pub fn any_request() -> impl Strategy<Value = TestRequest> {
    let protocol = select(
        &[
            Protocol::Socks4,
            Protocol::Socks5,
            Protocol::Udp,
            Protocol::Http,
            Protocol::Connect,
        ][..],
    );
    let user = option::of(select(&["alice", "bob", "eve"][..]));
    let program = option::of(select(
        &[("firefox", "/opt/firefox"), ("curl", "/usr/bin/curl")][..],
    ));
    let addresses = vec(select(&ADDRESSES[..]), 0..3);
    (protocol, user, program, target(), addresses, 0u64..60).prop_map(
        |(protocol, user, program, target, addresses, at)| TestRequest {
            protocol,
            user: user.map(str::to_owned),
            app: program.map(|(name, path)| app(name, path)),
            page: (at % 2 == 0).then(|| "near.test".to_owned()),
            url: (protocol == Protocol::Http).then(|| format!("http://{target}/ads/x.js")),
            target,
            addresses: addresses
                .iter()
                .map(|a| a.parse::<IpAddr>().unwrap())
                .collect(),
            at: NOW + Duration::from_secs(at),
        },
    )
}
