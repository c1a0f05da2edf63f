//! A compact set of hosts: 12 bytes per host and a sparse index. A look-up touches two cache lines.

/// One host: 64 bits of its keyed hash, and a note of the set's owner. Three words of 32 bits, so that a million entries take
/// 12 MB and not 16.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HostEntry {
    high: u32,
    low: u32,
    pub(crate) note: u32,
}

impl HostEntry {
    pub(crate) fn new(hash: u64, note: u32) -> HostEntry {
        HostEntry {
            high: (hash >> 32) as u32,
            low: hash as u32,
            note,
        }
    }

    pub(crate) fn hash(self) -> u64 {
        u64::from(self.high) << 32 | u64::from(self.low)
    }
}

/// Entries per bucket of the index, on average.
const PER_BUCKET: usize = 8;

/// Entries sorted by hash, then by note. Hashes are evenly spread, so that their top bits select the bucket.
#[derive(Debug, Default)]
pub(crate) struct HostSet {
    entries: Vec<HostEntry>,
    /// For each value of the top `bits`: the index of the first entry; one more at the end.
    starts: Vec<u32>,
    bits: u32,
}

impl HostSet {
    /// Sorts the entries; of several for which `same` holds, the first stays.
    pub(crate) fn new(
        mut entries: Vec<HostEntry>,
        same: impl Fn(&HostEntry, &HostEntry) -> bool,
    ) -> HostSet {
        entries.sort_unstable();
        entries.dedup_by(|later, first| same(later, first));
        entries.shrink_to_fit();
        if entries.is_empty() {
            return HostSet::default();
        }
        let bits = (entries.len() / PER_BUCKET).max(1).ilog2();
        let mut starts = vec![0u32; (1 << bits) + 1];
        for entry in &entries {
            if let Some(count) = starts.get_mut(bucket(entry.hash(), bits) + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        HostSet {
            entries,
            starts,
            bits,
        }
    }

    /// All entries of this hash, in the order of their notes.
    pub(crate) fn get(&self, hash: u64) -> &[HostEntry] {
        let at = bucket(hash, self.bits);
        let (Some(&from), Some(&to)) = (self.starts.get(at), self.starts.get(at + 1)) else {
            return &[];
        };
        let near = self
            .entries
            .get(from as usize..to as usize)
            .unwrap_or_default();
        let first = near.partition_point(|entry| entry.hash() < hash);
        let rest = near.get(first..).unwrap_or_default();
        let len = rest.iter().take_while(|entry| entry.hash() == hash).count();
        rest.get(..len).unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes on the heap.
    pub(crate) fn bytes(&self) -> usize {
        self.entries.capacity() * size_of::<HostEntry>() + self.starts.capacity() * size_of::<u32>()
    }
}

fn bucket(hash: u64, bits: u32) -> usize {
    // A shift by 64 is not defined; no bits mean one bucket.
    hash.checked_shr(64 - bits).unwrap_or(0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_set_holds_what_was_put_in_and_nothing_else(
            pairs in proptest::collection::vec((0u64..200, 0u32..4), 0..400),
            spread in prop_oneof![Just(1u64), Just(u64::MAX / 200)],
        ) {
            let set = HostSet::new(
                pairs.iter().map(|&(hash, note)| HostEntry::new(hash * spread, note)).collect(),
                |a, b| a == b,
            );
            for hash in 0..200u64 {
                let mut want: Vec<u32> = pairs.iter().filter(|p| p.0 == hash).map(|p| p.1).collect();
                want.sort_unstable();
                want.dedup();
                let got: Vec<u32> = set.get(hash * spread).iter().map(|e| e.note).collect();
                prop_assert_eq!(got, want);
            }
        }
    }
}
