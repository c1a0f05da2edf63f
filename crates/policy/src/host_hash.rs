//! Keyed hashes of hosts: each suffix of a name is hashed once per decision and looked up in every rule and list.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::OnceLock;

use smallvec::SmallVec;

use crate::Host;

/// One random key per process, so that the author of a list cannot make names collide and one hash serves all sets.
fn key() -> &'static RandomState {
    static KEY: OnceLock<RandomState> = OnceLock::new();
    KEY.get_or_init(RandomState::new)
}

/// The hash of a name or suffix in lower case without a final dot.
pub(crate) fn of_name(name: &str) -> u64 {
    key().hash_one(name)
}

/// The hash of an address.
pub(crate) fn of_ip(ip: IpAddr) -> u64 {
    key().hash_one(ip.to_canonical())
}

/// The hash of a whole host.
pub(crate) fn of_host(host: &Host) -> u64 {
    match host {
        Host::Name(name) => of_name(name),
        Host::Ip(ip) => of_ip(*ip),
    }
}

/// The hashes of a host and of each domain above it, the host itself first. An address has no domain above it.
pub(crate) struct SuffixHashes(SmallVec<[u64; 8]>);

impl SuffixHashes {
    pub(crate) fn of(host: &Host) -> SuffixHashes {
        let mut hashes = SmallVec::new();
        hashes.push(of_host(host));
        if let Host::Name(name) = host {
            let mut rest = name.as_str();
            while let Some((_, parent)) = rest.split_once('.') {
                hashes.push(of_name(parent));
                rest = parent;
            }
        }
        SuffixHashes(hashes)
    }

    /// Each hash with its depth: 0 is the host itself, 1 its parent.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        self.0.iter().copied().enumerate()
    }
}

/// The domain `depth` labels above `name`.
pub(crate) fn ancestor(name: &str, depth: usize) -> &str {
    (0..depth).fold(name, |rest, _| {
        rest.split_once('.').map_or(rest, |(_, parent)| parent)
    })
}
