//! The hosts that pass untouched unless the user names them: a list that comes with the program.

use std::sync::OnceLock;

use crate::Host;
use crate::host_hash::{SuffixHashes, of_host};
use crate::host_set::{HostEntry, HostSet};

/// The list, with its groups and the reason of each.
static TEXT: &str = include_str!("untouched.txt");

/// When the list was last looked through.
pub const SHIPPED_DATE: &str = "2026-11-29";

/// Why a host is in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ShippedGroup {
    Banks,
    Medical,
    Government,
    /// Their programs accept certain certificates only.
    Pinned,
}

impl ShippedGroup {
    const ALL: [Self; 4] = [Self::Banks, Self::Medical, Self::Government, Self::Pinned];

    /// As the list and the API write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Banks => "banks",
            Self::Medical => "medical",
            Self::Government => "government",
            Self::Pinned => "pinned",
        }
    }

    pub fn describe(self) -> &'static str {
        match self {
            Self::Banks => "banks and payment",
            Self::Medical => "health",
            Self::Government => "government",
            Self::Pinned => "programs that accept certain certificates only",
        }
    }
}

struct Shipped {
    set: HostSet,
    entries: Vec<(&'static str, ShippedGroup)>,
}

fn shipped() -> &'static Shipped {
    static SHIPPED: OnceLock<Shipped> = OnceLock::new();
    SHIPPED.get_or_init(|| {
        let entries: Vec<_> = shipped_hosts().collect();
        let hosts = (0u32..).zip(&entries).filter_map(|(at, (text, _))| {
            let host = Host::parse(text).ok()?;
            Some(HostEntry::new(of_host(&host), at))
        });
        let set = HostSet::new(hosts.collect(), |a, b| a.hash() == b.hash());
        Shipped { set, entries }
    })
}

/// The entry that covers the host: each covers the hosts below it.
pub(super) fn find(suffixes: &SuffixHashes) -> Option<(&'static str, ShippedGroup)> {
    let shipped = shipped();
    let found = suffixes
        .iter()
        .find_map(|(_, hash)| shipped.set.get(hash).first())?;
    shipped.entries.get(found.note as usize).copied()
}

/// The entries of the list, in its order.
pub fn shipped_hosts() -> impl Iterator<Item = (&'static str, ShippedGroup)> {
    let mut group = ShippedGroup::Pinned;
    TEXT.lines().filter_map(move |line| {
        let line = line.trim();
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            let mut known = ShippedGroup::ALL.into_iter();
            group = known.find(|known| known.name() == name).unwrap_or(group);
            return None;
        }
        (!line.is_empty() && !line.starts_with('#')).then_some((line, group))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_line_of_the_list_is_a_host_once_in_a_known_group() {
        let mut seen = BTreeSet::new();
        for (text, _) in shipped_hosts() {
            let host = Host::parse(text).unwrap();
            assert_eq!(host.to_string(), text);
            assert!(seen.insert(text), "{text} twice");
        }
        assert!(seen.len() >= 100);
        let groups: BTreeSet<&str> = shipped_hosts().map(|(_, group)| group.name()).collect();
        assert_eq!(groups.len(), ShippedGroup::ALL.len());
        let headings = TEXT.lines().filter(|line| line.starts_with('['));
        for heading in headings {
            let known = ShippedGroup::ALL.map(|group| format!("[{}]", group.name()));
            assert!(known.iter().any(|known| known == heading), "{heading}");
        }
        assert!(TEXT.contains(SHIPPED_DATE));
    }

    #[test]
    fn hosts_below_an_entry_are_covered() {
        let find = |host: &str| find(&SuffixHashes::of(&Host::parse(host).unwrap()));
        assert_eq!(
            find("www.paypal.com"),
            Some(("paypal.com", ShippedGroup::Banks))
        );
        assert_eq!(find("notpaypal.com"), None);
        assert_eq!(find("service.gov.uk").unwrap().1, ShippedGroup::Government);
    }
}
