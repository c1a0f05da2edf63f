//! One list, which can be queried from any thread.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use privet_config::ListFormat;
use smallvec::SmallVec;

use super::hit::{ListHit, stronger};
use super::hit_counter::ListHitCounter;
use super::host_patterns::HostPatterns;
use super::line::LineNote;
use super::networks::{Networks, is_private};
use super::stats::ListStats;
use super::url_rules::UrlRules;
use crate::Host;
use crate::host_hash::SuffixHashes;
use crate::host_set::HostSet;

/// One list. Cheap to clone: its content is shared.
#[derive(Clone)]
pub struct List {
    name: Arc<str>,
    stats: Arc<ListStats>,
    hosts: Arc<HostSet>,
    rules: Option<Arc<UrlRules>>,
    patterns: Option<Arc<HostPatterns>>,
    networks: Arc<Networks>,
    /// It holds for private addresses too.
    private_addresses: bool,
    hit_counter: Arc<ListHitCounter>,
    probation_until: Option<SystemTime>,
}

/// What a list's source contains.
pub(super) struct ListContent {
    pub stats: ListStats,
    pub hosts: HostSet,
    pub rules: Option<UrlRules>,
    pub patterns: Option<HostPatterns>,
    pub networks: Networks,
}

impl List {
    pub(super) fn new(name: &str, content: ListContent) -> List {
        List {
            name: name.into(),
            stats: Arc::new(content.stats),
            hosts: Arc::new(content.hosts),
            rules: content.rules.map(Arc::new),
            patterns: content.patterns.map(Arc::new),
            networks: Arc::new(content.networks),
            private_addresses: false,
            hit_counter: Arc::default(),
            probation_until: None,
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn stats(&self) -> &ListStats {
        &self.stats
    }

    /// The same list with this counter, on probation until that time: it counts what it would block, and blocks nothing.
    #[must_use]
    pub fn with_hit_counter(
        &self,
        hit_counter: Arc<ListHitCounter>,
        probation_until: Option<SystemTime>,
    ) -> List {
        List {
            hit_counter,
            probation_until,
            ..self.clone()
        }
    }

    /// The same list, which blocks private addresses too where it names them.
    #[must_use]
    pub fn with_private_addresses(&self, private_addresses: bool) -> List {
        List {
            private_addresses,
            ..self.clone()
        }
    }

    /// Connections that this list blocked, alone or together with others.
    pub fn hits(&self) -> u64 {
        self.hit_counter.hits()
    }

    /// The end of its probation; `None` where it is over at `at`.
    pub fn probation_at(&self, at: SystemTime) -> Option<SystemTime> {
        self.probation_until.filter(|until| at < *until)
    }

    pub(crate) fn hit_counter(&self) -> &ListHitCounter {
        &self.hit_counter
    }

    /// The line that decides on the host and, where it can be read, the URL.
    pub fn matches(&self, host: &Host, url: Option<&str>) -> Option<ListHit> {
        self.look_up(&Subject {
            host,
            suffixes: &SuffixHashes::of(host),
            addresses: &[],
            url,
            page: None,
        })
    }

    /// As [`List::matches`], with the host's hashes, which are made once for all lists.
    pub(crate) fn look_up(&self, subject: &Subject<'_>) -> Option<ListHit> {
        let mut best = self.look_up_host(subject.suffixes);
        if let Host::Ip(ip) = subject.host {
            best = stronger(best, self.look_up_network(*ip)).filter(|hit| self.may_block(*ip, hit));
        }
        for ip in subject.addresses {
            let found = stronger(self.look_up_address(*ip), self.look_up_network(*ip));
            best = stronger(best, found.filter(|hit| self.may_block(*ip, hit)));
        }
        if let Some(patterns) = &self.patterns {
            best = stronger(best, patterns.look_up(subject.host));
        }
        if let (Some(rules), Some(url)) = (&self.rules, subject.url) {
            best = stronger(best, rules.look_up(url, subject.host, subject.page));
        }
        best
    }

    /// Lists of networks name private ones as well; those are the user's own.
    fn may_block(&self, ip: IpAddr, hit: &ListHit) -> bool {
        hit.allow || self.private_addresses || !is_private(ip)
    }

    fn look_up_network(&self, ip: IpAddr) -> Option<ListHit> {
        let line = self.networks.get(ip)?;
        Some(ListHit {
            line,
            allow: false,
            important: false,
            above: 0,
        })
    }

    /// An address that a name resolved to.
    fn look_up_address(&self, ip: IpAddr) -> Option<ListHit> {
        match self.hosts.is_empty() {
            true => None,
            false => self.look_up_host(&SuffixHashes::of(&Host::from(ip))),
        }
    }

    fn look_up_host(&self, suffixes: &SuffixHashes) -> Option<ListHit> {
        if self.hosts.is_empty() {
            return None;
        }
        let mut best = None;
        // Lines of `$denyallow` rules that do not hold for this host; the hosts that they leave out are below those that they block.
        let mut excepted: SmallVec<[u32; 2]> = SmallVec::new();
        for (above, hash) in suffixes.iter() {
            for entry in self.hosts.get(hash) {
                let note = LineNote::from_bits(entry.note);
                if !note.covers(above) {
                    continue;
                }
                if note.is_denyallow() {
                    excepted.push(note.line());
                    continue;
                }
                if excepted.contains(&note.line()) {
                    continue;
                }
                let hit = ListHit {
                    line: note.line(),
                    allow: note.is_allow(),
                    important: note.is_important(),
                    above,
                };
                best = stronger(best, Some(hit));
            }
            if best.is_some() && most_specific_wins(self.stats.format) {
                break;
            }
        }
        best
    }
}

/// What a list is asked about.
pub(crate) struct Subject<'a> {
    pub host: &'a Host,
    pub suffixes: &'a SuffixHashes,
    /// The addresses of the host, where they were resolved before.
    pub addresses: &'a [IpAddr],
    pub url: Option<&'a str>,
    /// The host of the page that asks.
    pub page: Option<&'a str>,
}

/// RPZ and dnsmasq: the most specific name decides, be it a block or an exception.
fn most_specific_wins(format: ListFormat) -> bool {
    matches!(format, ListFormat::Rpz | ListFormat::Dnsmasq)
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List")
            .field("name", &self.name)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
