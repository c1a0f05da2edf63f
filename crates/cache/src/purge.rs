//! Taking entries out, marking them, and keeping them from leaving.

use crate::cache::{Cache, lock};
use crate::entry::Entry;
use crate::key::Key;
use crate::rules::invalidation;
use crate::store::index::{Shard, SlotId};

/// Which entries are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection<'a> {
    All,
    /// All variants of a key.
    Key(Key),
    /// The URL as [`Target::url`](crate::Target::url) gives it, in every partition.
    Url(&'a str),
    /// URLs that begin so.
    Prefix(&'a str),
    /// A host and all its ports. IPv6 addresses are in brackets.
    Host(&'a str),
    /// A host and all below it.
    Domain(&'a str),
    /// A tag that `Cache-Tag` or `Surrogate-Key` names.
    Tag(&'a str),
    /// [`NewEntry::owner`](crate::NewEntry::owner).
    Owner(u64),
}

/// What happens to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Remove,
    /// They may be used only once the origin has confirmed them.
    Invalidate,
    /// Takes [`Invalidate`](Self::Invalidate) back.
    Restore,
    /// They do not leave because the store is full.
    Pin,
    Unpin,
}

impl Selection<'_> {
    pub(crate) fn contains(&self, key: Key, entry: &Entry) -> bool {
        match *self {
            Selection::All => true,
            Selection::Key(wanted) => key == wanted,
            Selection::Url(url) => entry.url() == url,
            Selection::Prefix(prefix) => entry.url().starts_with(prefix),
            Selection::Host(host) => host_of(entry.url()).eq_ignore_ascii_case(host),
            Selection::Domain(domain) => is_below(host_of(entry.url()), domain),
            Selection::Tag(tag) => invalidation::tags(&entry.head().fields())
                .iter()
                .any(|found| found.as_str() == tag),
            Selection::Owner(owner) => entry.owner() == owner,
        }
    }
}

/// The host of an absolute URL.
pub(crate) fn host_of(url: &str) -> &str {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let end = after_scheme
        .find(['/', '?', '#'])
        .unwrap_or(after_scheme.len());
    let authority = after_scheme.get(..end).unwrap_or_default();
    // A colon within brackets is part of an IPv6 address.
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host,
        _ => authority,
    }
}

fn is_below(host: &str, domain: &str) -> bool {
    let (host, domain) = (host.as_bytes(), domain.as_bytes());
    let Some(start) = host.len().checked_sub(domain.len()) else {
        return false;
    };
    let (before, end) = host.split_at(start);
    end.eq_ignore_ascii_case(domain) && (before.is_empty() || before.ends_with(b"."))
}

impl Cache {
    /// Changes all selected entries, and gives how many there were.
    pub fn change(&self, selection: &Selection<'_>, change: Change) -> usize {
        if let Selection::Key(key) = *selection {
            return self.change_shard(&mut self.shard(key), selection, change);
        }
        let shards = self.shards.iter();
        shards
            .map(|shard| self.change_shard(&mut lock(shard), selection, change))
            .sum()
    }

    fn change_shard(&self, shard: &mut Shard, selection: &Selection<'_>, change: Change) -> usize {
        let selected = |(_, key, entry): &(SlotId, Key, &Entry)| selection.contains(*key, entry);
        let ids: Vec<SlotId> = match *selection {
            Selection::Key(key) => shard.variants(key).map(|(id, _)| id).collect(),
            _ => shard
                .entries()
                .filter(selected)
                .map(|(id, ..)| id)
                .collect(),
        };
        for id in &ids {
            match change {
                Change::Remove => self.release(shard.remove(*id)),
                Change::Invalidate => shard.invalidate(*id, true),
                Change::Restore => shard.invalidate(*id, false),
                Change::Pin => shard.pin(*id, true),
                Change::Unpin => shard.pin(*id, false),
            }
        }
        ids.len()
    }

    /// Marks all variants of a key, as after an unsafe request (RFC 9111, 4.4).
    pub fn invalidate(&self, key: Key) {
        self.change(&Selection::Key(key), Change::Invalidate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_a_url_is_found_in_every_form() {
        for (url, host) in [
            ("http://a.test/x:1/y", "a.test"),
            ("http://a.test", "a.test"),
            ("https://a.test:8443/", "a.test"),
            ("http://a.test?x=http://b.test:1/", "a.test"),
            ("http://[2001:db8::1]/x", "[2001:db8::1]"),
            ("http://[2001:db8::1]:81/x", "[2001:db8::1]"),
        ] {
            assert_eq!(host_of(url), host, "{url}");
        }
    }

    #[test]
    fn a_domain_contains_whole_labels_only() {
        assert!(is_below("example.com", "example.com"));
        assert!(is_below("WWW.Example.com", "example.COM"));
        assert!(!is_below("badexample.com", "example.com"));
        assert!(!is_below("com", "example.com"));
    }
}
