//! What was removed or made invalid lately. A response that an origin was asked for before is not used as it is: it may be
//! from before the change.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::key::Key;

/// The most changes that are remembered. A response that was asked for before the oldest of them counts as invalidated.
const MOST: usize = 1024;

#[derive(Debug, Default)]
pub(crate) struct RecentChanges {
    /// The number of the newest change; 0: there was none.
    number: AtomicU64,
    changes: Mutex<VecDeque<Recent>>,
}

#[derive(Debug, Clone, Copy)]
struct Recent {
    reach: Reach,
    effect: Effect,
}

/// The responses that a change affects. One on its way has no tags yet: a change by tag affects all of them.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reach {
    Key(Key),
    /// [`short_hash`](crate::store::disk::format::short_hash) of the URL.
    Url(u32),
    Any,
}

/// What happens to a response that was on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Effect {
    /// It may be used only once the origin has confirmed it.
    Invalidate,
    Remove,
}

impl RecentChanges {
    /// The number of the newest change.
    pub(crate) fn number(&self) -> u64 {
        self.number.load(Ordering::Acquire)
    }

    /// Before the entries of the store are changed.
    pub(crate) fn note(&self, reach: Reach, effect: Effect) {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        if changes.len() == MOST {
            changes.pop_front();
        }
        changes.push_back(Recent { reach, effect });
        self.number.fetch_add(1, Ordering::Release);
    }

    /// What happened to a response that was asked for after change `since`.
    pub(crate) fn effect(&self, since: u64, keys: [Key; 2], url: u32) -> Option<Effect> {
        if self.number() == since {
            return None;
        }
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let newer = usize::try_from(self.number() - since).unwrap_or(usize::MAX);
        if newer > changes.len() {
            return Some(Effect::Invalidate);
        }
        let means = |recent: &&Recent| match recent.reach {
            Reach::Key(key) => keys.contains(&key),
            Reach::Url(hash) => hash == url,
            Reach::Any => true,
        };
        let newest = changes.iter().rev().take(newer);
        newest.filter(means).map(|recent| recent.effect).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_on_its_way_is_meant_by_what_happened_since() {
        const URL: u32 = 7;
        let recent = RecentChanges::default();
        let effect = |since| recent.effect(since, [Key(1), Key(2)], URL);
        recent.note(Reach::Key(Key(3)), Effect::Remove);
        recent.note(Reach::Url(8), Effect::Remove);
        assert_eq!((recent.number(), effect(0)), (2, None));
        recent.note(Reach::Key(Key(2)), Effect::Invalidate);
        assert_eq!(effect(0), Some(Effect::Invalidate));
        assert_eq!(effect(2), Some(Effect::Invalidate));
        recent.note(Reach::Url(URL), Effect::Remove);
        assert_eq!(effect(2), Some(Effect::Remove), "the stronger one of both");
        assert_eq!((effect(3), effect(4)), (Some(Effect::Remove), None));
        recent.note(Reach::Any, Effect::Invalidate);
        assert_eq!(effect(4), Some(Effect::Invalidate));
        let since = recent.number();
        for number in 0..MOST as u128 {
            recent.note(Reach::Key(Key(100 + number)), Effect::Remove);
        }
        assert_eq!(effect(since), None);
        recent.note(Reach::Key(Key(3)), Effect::Remove);
        let forgotten = effect(since);
        assert_eq!(
            forgotten,
            Some(Effect::Invalidate),
            "it may have been meant"
        );
    }
}
