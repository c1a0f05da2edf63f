//! Which site of a listener answers for a host: exact names before wildcards, the longest wildcard first. A host that
//! none names belongs to no site.

use std::net::IpAddr;

use hashbrown::HashMap;
use privet_policy::Host;

/// Hosts of one listener, each with the number of its site. Only the configuration adds hosts, so the maps need no hash that
/// withstands chosen keys.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct HostTable {
    names: HashMap<Box<str>, usize>,
    addresses: HashMap<IpAddr, usize>,
    /// By the part behind `*.`.
    wildcards: HashMap<Box<str>, usize>,
}

impl HostTable {
    /// Adds a host as the configuration normalised it: a name, an address, or `*.` and a name. The first site that has a
    /// host keeps it.
    pub fn add(&mut self, pattern: &str, site: usize) {
        if let Some(domain) = pattern.strip_prefix("*.") {
            self.wildcards.entry(domain.into()).or_insert(site);
            return;
        }
        match Host::parse(pattern) {
            Ok(Host::Ip(ip)) => {
                self.addresses.entry(ip).or_insert(site);
            }
            Ok(Host::Name(name)) => {
                self.names.entry(name.as_str().into()).or_insert(site);
            }
            // The configuration holds no such pattern; it would match nothing.
            Err(_) => {}
        }
    }

    /// The site of a host. Its port does not count: a site may be reached through a port that was forwarded.
    pub fn find(&self, host: &Host) -> Option<usize> {
        match host {
            Host::Ip(ip) => self.addresses.get(ip).copied(),
            Host::Name(name) => self.names.get(name.as_str()).copied().or_else(|| {
                let mut rest = name.as_str();
                while let Some((_, domain)) = rest.split_once('.') {
                    if let Some(site) = self.wildcards.get(domain) {
                        return Some(*site);
                    }
                    rest = domain;
                }
                None
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table(patterns: &[&str]) -> HostTable {
        let mut table = HostTable::default();
        for (site, pattern) in patterns.iter().enumerate() {
            table.add(pattern, site);
        }
        table
    }

    fn find(table: &HostTable, host: &str) -> Option<usize> {
        table.find(&Host::parse(host).unwrap())
    }

    #[test]
    fn exact_hosts_come_before_wildcards_and_long_wildcards_before_short_ones() {
        let table = table(&["*.test", "app.test", "*.b.test", "127.0.0.1", "::1"]);
        for (host, site) in [
            ("app.test", Some(1)),
            ("APP.Test.", Some(1)),
            ("x.test", Some(0)),
            ("a.b.test", Some(2)),
            ("b.test", Some(0)),
            ("test", None),
            ("127.0.0.1", Some(3)),
            ("127.1", Some(3)),
            ("[::1]", Some(4)),
            ("::ffff:127.0.0.1", Some(3)),
            ("127.0.0.2", None),
            ("app.test.evil", None),
        ] {
            assert_eq!(find(&table, host), site, "{host}");
        }
    }

    proptest! {
        /// The same as a scan over all patterns.
        #[test]
        fn the_table_agrees_with_a_scan(
            patterns in prop::collection::vec("(\\*\\.)?([ab]\\.){0,2}[ab]", 1..12),
            host in "([ab]\\.){0,3}[ab]",
        ) {
            let table = table(&patterns.iter().map(String::as_str).collect::<Vec<_>>());
            let exact = patterns.iter().position(|pattern| *pattern == host);
            let matching = |pattern: &&String| {
                pattern.strip_prefix('*').is_some_and(|end| host.ends_with(end) && host.len() > end.len())
            };
            let wildcard = patterns.iter().filter(matching).max_by_key(|pattern| pattern.len());
            let wildcard = wildcard.and_then(|best| patterns.iter().position(|pattern| pattern == best));
            prop_assert_eq!(find(&table, &host), exact.or(wildcard));
        }
    }
}
