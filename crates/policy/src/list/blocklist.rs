//! One list, which can be queried from any thread.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use privet_config::ListFormat;

use super::hit::{ListHit, RankedHit, stronger};
use super::hit_counter::ListHitCounter;
use super::line::LineNote;
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
    hit_counter: Arc<ListHitCounter>,
    probation_until: Option<SystemTime>,
}

impl List {
    pub(super) fn new(
        name: &str,
        stats: ListStats,
        hosts: HostSet,
        rules: Option<UrlRules>,
    ) -> List {
        List {
            name: name.into(),
            stats: Arc::new(stats),
            hosts: Arc::new(hosts),
            rules: rules.map(Arc::new),
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
        self.look_up(host, &SuffixHashes::of(host), url, None)
    }

    /// As [`List::matches`], with the host's hashes, which are made once for all lists. `page` is the host of the page that
    /// asks.
    pub(crate) fn look_up(
        &self,
        host: &Host,
        suffixes: &SuffixHashes,
        url: Option<&str>,
        page: Option<&str>,
    ) -> Option<ListHit> {
        let by_host = self.look_up_host(suffixes);
        let by_url = match (&self.rules, url) {
            (Some(rules), Some(url)) => rules.look_up(url, &host.text(), page),
            _ => None,
        };
        stronger(by_host, by_url).map(|ranked| ranked.hit)
    }

    fn look_up_host(&self, suffixes: &SuffixHashes) -> Option<RankedHit> {
        if self.hosts.is_empty() {
            return None;
        }
        let mut best = None;
        for (above, hash) in suffixes.iter() {
            for entry in self.hosts.get(hash) {
                let note = LineNote::from_bits(entry.note);
                if !note.covers(above) {
                    continue;
                }
                let hit = ListHit {
                    line: note.line(),
                    allow: note.is_allow(),
                    above,
                };
                let important = note.is_important();
                best = stronger(best, Some(RankedHit { hit, important }));
            }
            if best.is_some() && most_specific_wins(self.stats.format) {
                break;
            }
        }
        best
    }
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
