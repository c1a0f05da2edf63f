//! Hashes that stay the same over restarts, versions and machines: identities of members, and keys of requests.

/// A member's identity. It decides which keys the member gets, and which state it takes over after a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemberId(u64);

impl MemberId {
    /// `identity`: a text that names the member, as its URL or its name in the configuration.
    pub fn of(identity: &str) -> Self {
        Self(hash_key(identity.as_bytes()))
    }
}

/// The key of a request for [`Policy::Hash`](crate::Policy::Hash): FNV-1a, then the finalizer of SplitMix64. Costs
/// about 1 ns a byte.
pub fn hash_key(bytes: &[u8]) -> u64 {
    let fnv = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    mix(fnv)
}

/// The value of this pair in rendezvous hashing.
pub(crate) fn rendezvous(key: u64, member: MemberId) -> u64 {
    mix(key ^ member.0)
}

/// The finalizer of SplitMix64.
pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_the_same_in_every_version() {
        // Two instances that are updated one after the other must agree on the member of a key.
        assert_eq!(hash_key(b""), mix(0xcbf2_9ce4_8422_2325));
        assert_eq!(hash_key(b"a"), mix(0xaf63_dc4c_8601_ec8c));
        assert_eq!(hash_key(b"foobar"), mix(0x8594_4171_f739_67e8));
        assert_eq!(mix(0x9e37_79b9_7f4a_7c15), 0xe220_a839_7b1d_cdaf);
    }
}
