//! Finds rules that can never match, since earlier rules match everything that they would. Sound: a rule that some request can
//! reach is never reported. Not complete: two networks that together make up a third are not joined.

use std::time::SystemTime;

use ipnet::IpNet;
use privet_config::{Config, RuleProtocol};
use regex::Regex;

use crate::compile::file_rules;
use crate::rule_hit_counter::RuleHitCounters;
use crate::rules::{AppPattern, Rule, RulePosition, covers, is_below};
use crate::{CompileError, Host, Outbound, Protocol};

/// The most parts into which one rule is split; each may be covered by another rule.
const MAX_PARTS: usize = 1024;
/// The most comparisons of a part with a rule for one file; beyond it no more rules are reported.
const MAX_COMPARED: usize = 20_000_000;

const SPOKEN: [Protocol; 5] = [
    Protocol::Socks4,
    Protocol::Socks5,
    Protocol::Udp,
    Protocol::Http,
    Protocol::Connect,
];

/// A rule that never matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShadowedRule {
    /// Its position in the file, from 1.
    pub number: usize,
    /// The line on which it begins, from 1.
    pub line: usize,
    /// The earlier rules that together cover it, by position and line (both from 1), in order.
    pub by: Vec<(usize, usize)>,
}

/// The rules of the file that can never match from `now` on, in order. Expired rules are not among them and cover nothing.
///
/// # Errors
/// As [`crate::Policy::compile`], of the rules alone.
pub fn shadowed_rules(config: &Config, now: SystemTime) -> Result<Vec<ShadowedRule>, CompileError> {
    let rules = file_rules(config, &RuleHitCounters::default(), |_: &str| {
        Some(Outbound(0))
    })?;
    let mut left = MAX_COMPARED;
    let mut found = Vec::new();
    for (at, rule) in rules.iter().enumerate() {
        let (false, RulePosition::File { number, line }) = (is_expired(rule, now), rule.position)
        else {
            continue;
        };
        let earlier: Vec<&Rule> = rules
            .iter()
            .take(at)
            .filter(|other| !is_expired(other, now) && outlasts(other, rule))
            .collect();
        let mut search = Search {
            earlier: &earlier,
            parts: MAX_PARTS,
            left: &mut left,
            by: Vec::new(),
        };
        if search.covers(PartialRule::of(rule)) {
            let mut by: Vec<(usize, usize)> =
                search.by.iter().filter_map(number_and_line).collect();
            by.sort_unstable();
            by.dedup();
            found.push(ShadowedRule { number, line, by });
        }
    }
    Ok(found)
}

fn number_and_line(position: &RulePosition) -> Option<(usize, usize)> {
    position.number().zip(position.line())
}

fn is_expired(rule: &Rule, now: SystemTime) -> bool {
    rule.until.is_some_and(|until| until <= now)
}

/// The earlier rule is valid as long as the later one.
fn outlasts(earlier: &Rule, later: &Rule) -> bool {
    match (earlier.until, later.until) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(earlier), Some(later)) => earlier >= later,
    }
}

/// A rule with some of its keys' entries; an empty key matches everything.
#[derive(Clone, Copy)]
struct PartialRule<'a> {
    domain: &'a [Host],
    suffix: &'a [Host],
    regex: &'a [Regex],
    ip: &'a [IpNet],
    port: &'a [(u16, u16)],
    app: &'a [AppPattern],
    protocol: &'a [RuleProtocol],
    user: &'a [String],
}

impl<'a> PartialRule<'a> {
    fn of(rule: &'a Rule) -> Self {
        Self {
            domain: &rule.domain,
            suffix: &rule.suffix,
            regex: &rule.regex,
            ip: &rule.ip,
            port: &rule.port,
            app: &rule.app,
            protocol: &rule.protocol,
            user: &rule.user,
        }
    }

    /// Two parts that together are this one; `None` where every key has at most one entry.
    fn halves(self) -> Option<[Self; 2]> {
        macro_rules! cut {
            ($($key:ident),*) => {
                $(if let Some((low, high)) = halved(self.$key) {
                    return Some([Self { $key: low, ..self }, Self { $key: high, ..self }]);
                })*
            };
        }
        cut!(domain, suffix, regex, ip, port, app, protocol, user);
        None
    }
}

fn halved<T>(entries: &[T]) -> Option<(&[T], &[T])> {
    (entries.len() > 1).then(|| entries.split_at(entries.len() / 2))
}

struct Search<'a, 'r> {
    earlier: &'a [&'r Rule],
    parts: usize,
    left: &'a mut usize,
    by: Vec<RulePosition>,
}

impl Search<'_, '_> {
    /// One rule covers the whole part, or rules cover each of its halves.
    fn covers(&mut self, part: PartialRule<'_>) -> bool {
        if self.parts == 0 || *self.left < self.earlier.len() {
            return false;
        }
        self.parts -= 1;
        *self.left -= self.earlier.len();
        if let Some(rule) = self.earlier.iter().find(|rule| covers_partial(rule, &part)) {
            self.by.push(rule.position);
            return true;
        }
        let halves = part.halves();
        halves.is_some_and(|halves| halves.into_iter().all(|half| self.covers(half)))
    }
}

/// Every request that the part matches is matched by the rule.
fn covers_partial(rule: &Rule, part: &PartialRule<'_>) -> bool {
    covers_hosts(rule, part)
        && covers_addresses(&rule.ip, part)
        && covers_key(&rule.port, part.port, |range| {
            cover_range(&rule.port, *range)
        })
        && covers_key(&rule.app, part.app, |app| rule.app.contains(app))
        && covers_key(&rule.user, part.user, |user| rule.user.contains(user))
        && covers_protocols(&rule.protocol, part.protocol)
}

/// An empty key covers everything; else the part must have the key too, with covered entries only.
fn covers_key<T, U>(of_rule: &[T], of_part: &[U], within: impl Fn(&U) -> bool) -> bool {
    of_rule.is_empty() || (!of_part.is_empty() && of_part.iter().all(within))
}

/// The part's host is one of `domain`, below one of `suffix` and matched by one of `regex` at once: each of the rule's keys may be
/// covered by any of them.
fn covers_hosts(rule: &Rule, part: &PartialRule<'_>) -> bool {
    let below = |host: &Host| rule.suffix.iter().any(|suffix| is_below(host, suffix));
    let found = |host: &Host| rule.regex.iter().any(|regex| regex.is_match(&host.text()));
    let same = |one: &Regex| {
        rule.regex
            .iter()
            .any(|regex| regex.as_str() == one.as_str())
    };
    covers_key(&rule.domain, part.domain, |host| rule.domain.contains(host))
        && (covers_key(&rule.suffix, part.domain, below)
            || covers_key(&rule.suffix, part.suffix, below))
        && (covers_key(&rule.regex, part.domain, found)
            || covers_key(&rule.regex, part.regex, same))
}

/// A name matches by any of its addresses, which are within the part's networks; a target that is an address needs none.
fn covers_addresses(of_rule: &[IpNet], part: &PartialRule<'_>) -> bool {
    let within = |net: &IpNet| of_rule.iter().any(|wide| wide.contains(net));
    let is_there = |host: &Host| {
        let ip = host.ip().map(|ip| ip.to_canonical());
        ip.is_some_and(|ip| of_rule.iter().any(|net| net.contains(&ip)))
    };
    covers_key(of_rule, part.ip, within) || covers_key(of_rule, part.domain, is_there)
}

/// Whether the ranges together hold the whole of this one.
fn cover_range(ranges: &[(u16, u16)], (low, high): (u16, u16)) -> bool {
    let mut next = u32::from(low);
    while next <= u32::from(high) {
        let holds =
            |(low, high): &&(u16, u16)| (u32::from(*low)..=u32::from(*high)).contains(&next);
        match ranges.iter().filter(holds).map(|(_, high)| *high).max() {
            Some(end) => next = u32::from(end) + 1,
            None => return false,
        }
    }
    true
}

fn covers_protocols(of_rule: &[RuleProtocol], of_part: &[RuleProtocol]) -> bool {
    let any = |entries: &[RuleProtocol], spoken| {
        entries.is_empty() || entries.iter().any(|entry| covers(*entry, spoken))
    };
    let mut spoken = SPOKEN.into_iter();
    spoken.all(|spoken| !any(of_part, spoken) || any(of_rule, spoken))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;

    /// Of rules written `match` → use, those that are shadowed, each with the places of those that do it.
    fn found(matches: &[&str]) -> Vec<(usize, Vec<usize>)> {
        let text: String = matches
            .iter()
            .map(|keys| format!("[[rule]]\nmatch = {{ {keys} }}\nuse = \"block\"\n"))
            .collect();
        let config = Config::parse(&text, Path::new("/")).unwrap().config;
        let shadows = shadowed_rules(&config, SystemTime::UNIX_EPOCH).unwrap();
        shadows
            .into_iter()
            .map(|shadow| {
                assert_eq!(shadow.line, shadow.number * 3 - 2);
                let by = shadow.by.into_iter().map(|(number, _)| number).collect();
                (shadow.number, by)
            })
            .collect()
    }

    #[test]
    fn each_key_shadows_what_lies_within_it() {
        for [wide, narrow] in [
            [
                r#"domain = ["a.test"]"#,
                r#"domain = ["a.test"], port = [80]"#,
            ],
            [r#"domain_suffix = ["test"]"#, r#"domain = ["a.test"]"#],
            [
                r#"domain_suffix = ["test"]"#,
                r#"domain_suffix = ["b.a.test"]"#,
            ],
            [
                r#"domain_regex = ["^ads"]"#,
                r#"domain = ["ads.test", "adsl.test"]"#,
            ],
            [
                r#"domain_regex = ["^ads"]"#,
                r#"domain_regex = ["^ads"], user = []"#,
            ],
            [r#"ip = ["10.0.0.0/8"]"#, r#"ip = ["10.1.0.0/16"]"#],
            [r#"port = ["1-100", "101-200"]"#, r#"port = ["50-150"]"#],
            [
                r#"app = ["firefox"]"#,
                r#"app = ["Firefox.exe"], port = [443]"#,
            ],
            [r#"protocol = ["socks5"]"#, r#"protocol = ["udp"]"#],
            [r#"protocol = ["http"]"#, r#"protocol = ["connect"]"#],
        ] {
            assert_eq!(found(&[wide, narrow]), [(2, vec![1])], "{wide} | {narrow}");
        }
    }

    #[test]
    fn what_can_still_match_is_not_named() {
        for [first, second] in [
            [r#"domain = ["a.test"]"#, r#"domain_suffix = ["a.test"]"#],
            [r#"domain_suffix = ["a.test"]"#, r#"domain = ["xa.test"]"#],
            [r#"domain_regex = ["^ads"]"#, r#"domain_regex = ["^ads1"]"#],
            // The name may have no address in it.
            [r#"ip = ["0.0.0.0/0"]"#, r#"domain = ["a.test"]"#],
            [r#"port = ["1-100", "102-200"]"#, r#"port = ["50-150"]"#],
            [r#"app = ["firefox"]"#, r#"app = ["/opt/firefox"]"#],
            [r#"protocol = ["udp"]"#, r#"protocol = ["socks5"]"#],
            [r#"port = [80]"#, r#"domain = ["a.test"]"#],
        ] {
            assert_eq!(found(&[first, second]), [], "{first} | {second}");
        }
    }

    #[test]
    fn several_rules_shadow_one_together() {
        let rules = [
            r#"domain = ["a.test"]"#,
            r#"domain_suffix = ["b.test"]"#,
            r#"port = [25]"#,
            r#"domain = ["a.test", "b.test", "x.b.test"], port = [80, 443]"#,
        ];
        assert_eq!(found(&rules), [(4, vec![1, 2])]);
    }

    #[test]
    fn a_rule_for_a_while_shadows_only_what_ends_before_it() {
        let text = |first: &str, second: &str| {
            format!(
                "[[rule]]\nmatch = {{ port = [1] }}\nuse = \"block\"\n{first}\n\
                 [[rule]]\nmatch = {{ port = [1] }}\nuse = \"direct\"\n{second}\n"
            )
        };
        let (early, late) = (
            "until = 2030-01-01T00:00:00Z",
            "until = 2030-01-02T00:00:00Z",
        );
        let now = SystemTime::UNIX_EPOCH;
        let after = now + Duration::from_secs(1_893_456_000);
        for (first, second, at, shadowed) in [
            ("", early, now, true),
            (late, early, now, true),
            (early, late, now, false),
            (early, "", now, false),
            (late, early, after, false),
            (early, "", after, false),
        ] {
            let config = Config::parse(&text(first, second), Path::new("/")).unwrap();
            let found = shadowed_rules(&config.config, at).unwrap();
            assert_eq!(!found.is_empty(), shadowed, "{first} | {second}");
        }
    }

    #[test]
    fn a_file_of_many_rules_is_compared_within_its_bound() {
        let many: Vec<String> = (0..3000)
            .map(|n| format!("domain = [\"a{n}.test\", \"b{n}.test\"], port = [80, 443]"))
            .chain([r#"domain = ["a7.test"], port = [443]"#.to_owned()])
            .collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(found(&many), [(3001, vec![8])]);
    }
}
