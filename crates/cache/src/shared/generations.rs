//! What a purge means for a store that several machines share.
//!
//! The store counts a generation for everything, for each host, URL and tag, and one for all tags together. An entry carries
//! those that held before its origin was asked; a purge raises one, and an entry with a smaller one is not used any more,
//! wherever it was written. The tags of an entry were not known before: a purge of a tag raises that of all tags too, to the
//! same number, and the tags' own are asked for only where that is larger than the entry's.
//! This machine remembers its own purges as well: until the store knows one, nothing of its scope is read or written, and
//! afterwards an older generation is not believed, so that a store that lost its memory brings nothing back. It forgets
//! the oldest ones that the store knows where there are too many.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Instant;

use super::key::{PurgedPart, Scope, Scopes};
use super::marks::{Mark, Marks};

/// The generations of an entry's scopes; 0: nothing was purged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Generations(pub [u64; 4]);

impl Generations {
    /// Whether an entry of these generations was not purged, where those of `known` hold. Where they are larger, the store has
    /// lost a purge, and perhaps later ones too.
    pub(crate) fn are_current(&self, known: &Generations) -> bool {
        let ([own @ .., _], [known @ .., _]) = (&self.0, &known.0);
        own == known
    }

    /// Of all tags.
    pub(crate) fn tags(&self) -> u64 {
        let [.., tags] = self.0;
        tags
    }
}

/// The purges of this machine.
#[derive(Debug, Default)]
pub struct Purges {
    marks: RwLock<Marks>,
}

/// A purge that the store is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingPurge {
    pub scope: Scope,
    /// The generation of all tags is raised too.
    pub is_tag: bool,
    number: u64,
    /// What the generation has to be at least.
    pub at_least: u64,
}

/// What this machine knows of the tags of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TagsKept {
    pub(crate) are_kept: bool,
    pub(crate) is_lost: bool,
}

impl Purges {
    fn read(&self) -> RwLockReadGuard<'_, Marks> {
        self.marks.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Marks> {
        self.marks.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing of this part is read or written until the store knows that it was purged.
    pub fn begin(&self, part: PurgedPart<'_>) {
        self.begin_at(part, Instant::now());
    }

    pub(super) fn begin_at(&self, part: PurgedPart<'_>, now: Instant) {
        let mut marks = self.write();
        let scope = marks.make_room(part, now);
        let is_tag = matches!(part, PurgedPart::Tag(_)) && scope == part.scope();
        marks.begin(scope, is_tag, None);
    }

    /// Nothing of this URL is read or written by this machine until it is purged, and the store is not told. It is forgotten
    /// where it has no room.
    pub(crate) fn withhold(&self, url: &str) {
        let (part, now) = (PurgedPart::Url(url), Instant::now());
        let mut marks = self.write();
        // A purge on its way goes on: it is told again.
        let pending = marks.get(&part.scope());
        let is_pending = pending.is_some_and(|mark| mark.settled.is_none());
        if marks.has_room_for_one(&part.scope(), now) {
            marks.begin(part.scope(), false, (!is_pending).then_some(now));
        }
    }

    /// Purges that the store does not know, the oldest first, at most so many. `now`: the least that a new generation is.
    pub fn pending(&self, most: usize, now: u64) -> Vec<PendingPurge> {
        let marks = self.read();
        let pending = marks.pending().take(most);
        pending
            .map(|(scope, mark)| PendingPurge {
                scope,
                is_tag: mark.is_tag,
                number: mark.number,
                at_least: mark.generation.unwrap_or(mark.at_least.max(now)),
            })
            .collect()
    }

    /// How many purges the store does not know.
    pub fn pending_count(&self) -> u64 {
        self.read().pending_count() as u64
    }

    /// The store has made this generation of a purge.
    pub fn delivered(&self, purge: &PendingPurge, generation: u64) {
        let mut marks = self.write();
        // A later purge of the scope is delivered for itself.
        let mark = marks.get(&purge.scope);
        if let Some(mark) = mark.filter(|mark| mark.number == purge.number) {
            let generation = Some(generation.max(mark.generation.unwrap_or(0)));
            let settled = Some(Instant::now());
            let mark = Mark {
                generation,
                settled,
                ..mark
            };
            marks.put(purge.scope, mark);
        }
    }

    /// The generations that an entry has to have at least, where the store has these; `None`: the store does not know all
    /// purges. Tells whether the store has lost one.
    pub fn known(&self, scopes: &Scopes, found: Generations) -> Option<(Generations, bool)> {
        let lost = |marks: &Marks| {
            let (mut known, mut lost) = (found, false);
            for (scope, generation) in scopes.0.iter().zip(&mut known.0) {
                if let Some(mark) = marks.get(scope) {
                    let own = mark.generation?;
                    lost |= mark.settled.is_some() && *generation < own;
                    *generation = own.max(*generation);
                }
            }
            Some((known, lost))
        };
        let (known, is_lost) = lost(&self.read())?;
        if is_lost {
            let mut marks = self.write();
            for (scope, found) in scopes.0.iter().zip(found.0) {
                let mark = marks.get(scope).filter(|mark| mark.settled.is_some());
                if let Some(mark) = mark.filter(|mark| mark.generation > Some(found)) {
                    let settled = None;
                    marks.put(*scope, Mark { settled, ..mark });
                }
            }
        }
        Some((known, is_lost))
    }

    /// Whether no tag of an entry of generation `own` was purged by this machine, where the store has `found` for all tags.
    /// The store is told again of a purge that it has lost: `is_lost`.
    pub(crate) fn keep_tags(&self, tags: &[Scope], own: u64, found: u64) -> TagsKept {
        let mut kept = TagsKept {
            are_kept: true,
            is_lost: false,
        };
        let mut lost = Vec::new();
        for (scope, mark) in self.read().of(tags) {
            kept.are_kept &= mark.generation.is_some_and(|purged| purged <= own);
            if mark.settled.is_some() && mark.generation > Some(found) {
                lost.push(scope);
            }
        }
        for scope in lost {
            kept.is_lost = true;
            let mut marks = self.write();
            if let Some(mark) = marks.get(&scope).filter(|mark| mark.settled.is_some()) {
                let settled = None;
                marks.put(scope, Mark { settled, ..mark });
            }
        }
        kept
    }

    /// Whether all purges of these scopes are known to the store.
    pub fn are_settled(&self, scopes: &Scopes) -> bool {
        let marks = self.read();
        let mut own = scopes.0.iter().filter_map(|scope| marks.get(scope));
        own.all(|mark| mark.generation.is_some())
    }

    /// Does something while nothing of these scopes can be purged, unless it was meanwhile.
    pub(crate) fn while_current<T>(
        &self,
        scopes: &Scopes,
        tags: &[Scope],
        generations: &Generations,
        then: impl FnOnce() -> T,
    ) -> Option<T> {
        let marks = self.read();
        for (_, mark) in marks.of(tags) {
            mark.generation.filter(|own| *own <= generations.tags())?;
        }
        for (scope, generation) in scopes.0.iter().zip(generations.0) {
            if let Some(mark) = marks.get(scope) {
                mark.generation.filter(|own| *own <= generation)?;
            }
        }
        Some(then())
    }
}
