//! The descriptors at which a process had its sockets: a program with many short connections uses the same few again.

use std::collections::VecDeque;

/// Descriptors that are remembered for a process: enough for sixteen connections at a time beside as many other sockets.
const MAX_REMEMBERED: usize = 32;

/// The descriptors of one process, those that were used longest ago first.
#[derive(Debug, Default)]
pub(super) struct UsedDescriptors(VecDeque<u32>);

impl UsedDescriptors {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The one that was used longest ago; it becomes the last.
    pub fn next(&mut self) -> Option<u32> {
        let descriptor = self.0.pop_front()?;
        self.0.push_back(descriptor);
        Some(descriptor)
    }

    /// A socket was found at `descriptor`.
    pub fn used(&mut self, descriptor: u32) {
        self.0.retain(|known| *known != descriptor);
        if self.0.len() >= MAX_REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(descriptor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_descriptor_that_was_used_longest_ago_comes_first() {
        let mut used = UsedDescriptors::default();
        assert_eq!(used.next(), None);
        for descriptor in [5, 6, 7, 5] {
            used.used(descriptor);
        }
        let turns: Vec<_> = (0..4).map_while(|_| used.next()).collect();
        assert_eq!(turns, [6, 7, 5, 6]);
    }

    #[test]
    fn few_descriptors_are_remembered() {
        let mut used = UsedDescriptors::default();
        (0..1000).for_each(|descriptor| used.used(descriptor));
        assert_eq!(used.0.len(), MAX_REMEMBERED);
        assert_eq!(used.next(), Some(1000 - MAX_REMEMBERED as u32));
    }
}
