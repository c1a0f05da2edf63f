//! The purges that a machine remembers, of which there is a bounded number.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use super::key::{PurgedPart, Scope};
use super::lifetime::GENERATION_LIFETIME;

/// Purges of URLs and tags that are remembered.
const MOST_MARKS: usize = 16 * 1024;
/// Purges of hosts that are remembered beyond: where a purge of a URL has no room, its host is purged.
const MOST_HOSTS: usize = 1024;
/// How long a purge is remembered after the store knows it: for longer than a request waits for the store, so that none
/// that asked before the purge stores what it got.
pub(super) const HOLD: Duration = Duration::from_secs(15);

/// Every operation but a purge of everything takes no longer than the logarithm of how many there are.
#[derive(Debug, Default)]
pub(super) struct Marks {
    by_scope: HashMap<Scope, Mark>,
    /// Those that the store does not know, by their numbers.
    pending: BTreeMap<u64, Scope>,
    /// The others, by their numbers: they may be forgotten.
    settled: BTreeMap<u64, Scope>,
    number: u64,
}

/// A purge of a scope.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    /// Of its last change: it tells this purge from a later one of its scope.
    pub(super) number: u64,
    /// What the store made of it.
    pub(super) generation: Option<u64>,
    /// What that is at least.
    pub(super) at_least: u64,
    /// It is of a tag.
    pub(super) is_tag: bool,
    /// Since when the store does not have to be told of it.
    pub(super) settled: Option<Instant>,
}

impl Marks {
    pub(super) fn get(&self, scope: &Scope) -> Option<Mark> {
        self.by_scope.get(scope).copied()
    }

    /// The purges of these scopes.
    pub(super) fn of(&self, scopes: &[Scope]) -> impl Iterator<Item = (Scope, Mark)> {
        let marks = scopes.iter().copied();
        marks.filter_map(|scope| Some((scope, self.get(&scope)?)))
    }

    pub(super) fn pending(&self) -> impl Iterator<Item = (Scope, Mark)> {
        let scopes = self.pending.values();
        scopes.filter_map(|scope| Some((*scope, self.get(scope)?)))
    }

    pub(super) fn pending_count(&self) -> usize {
        self.pending.len()
    }

    /// Takes the place of the scope's mark.
    pub(super) fn put(&mut self, scope: Scope, mark: Mark) {
        self.remove(&scope);
        self.number += 1;
        let list = match mark.settled {
            None => &mut self.pending,
            Some(_) => &mut self.settled,
        };
        list.insert(self.number, scope);
        let number = self.number;
        self.by_scope.insert(scope, Mark { number, ..mark });
    }

    /// A new purge of a scope.
    pub(super) fn begin(&mut self, scope: Scope, is_tag: bool, settled: Option<Instant>) {
        let before = self.get(&scope);
        let before = before.map_or(0, |mark| mark.generation.unwrap_or(mark.at_least));
        let mark = Mark {
            number: 0,
            generation: None,
            at_least: before.saturating_add(1),
            is_tag,
            settled,
        };
        self.put(scope, mark);
    }

    /// What is purged for this part: the part where there is room, else more.
    pub(super) fn make_room(&mut self, part: PurgedPart<'_>, now: Instant) -> Scope {
        let scope = part.scope();
        let is_small = matches!(part, PurgedPart::Url(_) | PurgedPart::Tag(_));
        if is_small && self.has_room_for_one(&scope, now) {
            return scope;
        }
        if let Some(host) = part.host_scope()
            && self.has_room(&host, MOST_MARKS + MOST_HOSTS, now)
        {
            return host;
        }
        // It contains all others.
        let all = Scope::all();
        let mark = self.remove(&all);
        self.by_scope.clear();
        self.pending.clear();
        self.settled.clear();
        if let Some(mark) = mark {
            self.put(all, mark);
        }
        all
    }

    pub(super) fn has_room_for_one(&mut self, scope: &Scope, now: Instant) -> bool {
        self.forget_oldest(now, GENERATION_LIFETIME);
        self.has_room(scope, MOST_MARKS, now)
    }

    fn has_room(&mut self, scope: &Scope, most: usize, now: Instant) -> bool {
        self.by_scope.contains_key(scope)
            || self.by_scope.len() < most
            || self.forget_oldest(now, HOLD)
    }

    /// Forgets the purge that the store has known for the longest time, where that is at least `age`.
    fn forget_oldest(&mut self, now: Instant, age: Duration) -> bool {
        let oldest = self.settled.values().next().copied();
        let settled = oldest.and_then(|scope| self.get(&scope)?.settled);
        let is_old = settled.is_some_and(|at| now.saturating_duration_since(at) >= age);
        is_old && oldest.is_some_and(|scope| self.remove(&scope).is_some())
    }

    fn remove(&mut self, scope: &Scope) -> Option<Mark> {
        let mark = self.by_scope.remove(scope)?;
        self.pending.remove(&mark.number);
        self.settled.remove(&mark.number);
        Some(mark)
    }
}
