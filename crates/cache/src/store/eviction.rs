//! Which entry leaves a full store: S3-FIFO (Yang and others, SOSP 2023), without I/O.
//!
//! New entries wait in a small queue, a tenth of the store. Those that were asked for again before they reach its end
//! move to the main queue, the others leave. So a scan of entries that are asked for once cannot push out what is used.
//! Keys that left the small queue are remembered for a while; one that comes back goes to the main queue at once.

use super::chunked::Chunked;

/// No entry.
const NONE: u32 = u32::MAX;
/// The small queue's part of all bytes.
const SMALL_PART: u64 = 10;
/// How often an entry may be passed over for having been used.
const MOST_USES: u8 = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Queue {
    #[default]
    Out,
    Small,
    Main,
}

#[derive(Debug, Clone, Copy, Default)]
struct Node {
    previous: u32,
    next: u32,
    /// In units of [`UNIT`] bytes.
    weight: u32,
    uses: u8,
    queue: Queue,
    pinned: bool,
}

/// Bytes of memory of an entry's place in the queues.
pub(crate) const PLACE: u64 = size_of::<Node>() as u64;

/// Weights are counted in this many bytes, rounded up.
const UNIT: u64 = 64;

#[derive(Debug)]
struct List {
    first: u32,
    last: u32,
    weight: u64,
    len: u32,
}

impl Default for List {
    fn default() -> Self {
        List {
            first: NONE,
            last: NONE,
            weight: 0,
            len: 0,
        }
    }
}

/// The queues of one store. Entries are the caller's numbers, small and used again.
#[derive(Debug, Default)]
pub(crate) struct Eviction {
    nodes: Chunked<Node>,
    small: List,
    main: List,
    ghosts: Ghosts,
}

impl Eviction {
    /// Adds an entry. `fingerprint` is a hash of its key.
    pub(crate) fn insert(&mut self, entry: u32, bytes: u64, fingerprint: u64) {
        self.remove(entry);
        let queue = if self.ghosts.take(fingerprint) {
            Queue::Main
        } else {
            Queue::Small
        };
        let node = self.nodes.get_or_default(entry);
        node.weight = units(bytes);
        node.uses = 0;
        node.pinned = false;
        self.append(entry, queue);
    }

    /// The entry was used.
    pub(crate) fn used(&mut self, entry: u32) {
        if let Some(node) = self.nodes.get_mut(entry) {
            node.uses = (node.uses + 1).min(MOST_USES);
        }
    }

    /// A pinned entry does not leave.
    pub(crate) fn pin(&mut self, entry: u32, pinned: bool) {
        if let Some(node) = self.nodes.get_mut(entry) {
            node.pinned = pinned;
        }
    }

    /// The entry has another size now. Gives how many bytes more (or fewer) are counted.
    pub(crate) fn resize(&mut self, entry: u32, bytes: u64) -> i64 {
        let Some(node) = self.nodes.get_mut(entry) else {
            return 0;
        };
        let (old, new) = (u64::from(node.weight), u64::from(units(bytes)));
        node.weight = units(bytes);
        let list = match node.queue {
            Queue::Out => return 0,
            Queue::Small => &mut self.small,
            Queue::Main => &mut self.main,
        };
        list.weight = list.weight - old + new;
        (new as i64 - old as i64) * UNIT as i64
    }

    /// Bytes of all entries.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> u64 {
        (self.small.weight + self.main.weight) * UNIT
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> u32 {
        self.small.len + self.main.len
    }

    /// Whether the entry is in a queue.
    #[cfg(test)]
    pub(crate) fn contains(&self, entry: u32) -> bool {
        self.nodes
            .get(entry)
            .is_some_and(|node| node.queue != Queue::Out)
    }

    /// Takes an entry out. Gives the bytes that were counted for it.
    pub(crate) fn remove(&mut self, entry: u32) -> u64 {
        let Some(node) = self.nodes.get(entry).copied() else {
            return 0;
        };
        let list = match node.queue {
            Queue::Out => return 0,
            Queue::Small => &mut self.small,
            Queue::Main => &mut self.main,
        };
        list.weight -= u64::from(node.weight);
        list.len -= 1;
        match self.nodes.get_mut(node.previous) {
            Some(previous) => previous.next = node.next,
            None => list.first = node.next,
        }
        match self.nodes.get_mut(node.next) {
            Some(next) => next.previous = node.previous,
            None => list.last = node.previous,
        }
        if let Some(node) = self.nodes.get_mut(entry) {
            node.queue = Queue::Out;
        }
        u64::from(node.weight) * UNIT
    }

    /// Takes out the entry that is worth least, with its bytes. `fingerprint` gives the hash of an entry's key.
    /// None where all are pinned.
    pub(crate) fn evict(&mut self, fingerprint: impl Fn(u32) -> u64) -> Option<(u32, u64)> {
        let entries = u64::from(self.small.len) + u64::from(self.main.len);
        // Each step lowers an entry's uses, moves it to the main queue or evicts it; only pinned entries stay as they are.
        let most_steps = entries * (u64::from(MOST_USES) + 2);
        for _ in 0..most_steps {
            let total = self.small.weight + self.main.weight;
            let from_small = self.main.len == 0
                || (self.small.len > 0 && self.small.weight * SMALL_PART > total);
            let entry = if from_small {
                self.small.first
            } else {
                self.main.first
            };
            let node = self.nodes.get(entry).copied()?;
            let bytes = self.remove(entry);
            if node.uses == 0 && !node.pinned {
                if from_small {
                    let entries = (self.small.len + self.main.len) as usize;
                    self.ghosts.remember(fingerprint(entry), entries);
                }
                return Some((entry, bytes));
            }
            if let Some(node) = self.nodes.get_mut(entry) {
                node.uses = if from_small {
                    0
                } else {
                    node.uses.saturating_sub(1)
                };
            }
            self.append(entry, Queue::Main);
        }
        None
    }

    fn append(&mut self, entry: u32, queue: Queue) {
        let list = match queue {
            Queue::Out => return,
            Queue::Small => &mut self.small,
            Queue::Main => &mut self.main,
        };
        let last = std::mem::replace(&mut list.last, entry);
        let node = self.nodes.get_or_default(entry);
        node.queue = queue;
        node.previous = last;
        node.next = NONE;
        list.weight += u64::from(node.weight);
        list.len += 1;
        match self.nodes.get_mut(last) {
            Some(last) => last.next = entry,
            None => list.first = entry,
        }
    }
}

fn units(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

/// Fingerprints of keys that left the small queue, each in the one place that its hash gives it: a later one takes it.
#[derive(Debug, Default)]
struct Ghosts {
    places: Vec<u32>,
}

impl Ghosts {
    /// Places for the first entries, and at most.
    const FEWEST: usize = 64;
    const MOST: usize = 1 << 20;

    /// Remembers a key in a store of `entries` entries.
    fn remember(&mut self, fingerprint: u64, entries: usize) {
        let wanted = entries.next_power_of_two().clamp(Self::FEWEST, Self::MOST);
        if self.places.len() < wanted {
            // What was remembered is found no more where the place has moved: a few keys wait once more.
            self.places.resize(wanted, 0);
        }
        let (place, mark) = self.place(fingerprint);
        if let Some(found) = self.places.get_mut(place) {
            *found = mark;
        }
    }

    /// Whether the key is remembered; it is not any more.
    fn take(&mut self, fingerprint: u64) -> bool {
        let (place, mark) = self.place(fingerprint);
        match self.places.get_mut(place) {
            Some(found) if *found == mark => {
                *found = 0;
                true
            }
            _ => false,
        }
    }

    fn place(&self, fingerprint: u64) -> (usize, u32) {
        let mask = self.places.len().wrapping_sub(1);
        let place = fingerprint as usize & mask;
        (place, (fingerprint >> 32) as u32 | 1)
    }
}

#[cfg(test)]
#[path = "eviction_tests.rs"]
mod tests;
