//! Cached lookups and their lifetimes. Pure; the clock is an argument.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::answer::{ResolveError, ResolveResult};

/// The shortest lifetime, whatever the TTL: a page requests the same name many times at once.
const FLOOR: Duration = Duration::from_secs(1);
/// The longest lifetime. RFC 8767 section 4 would allow days; an hour limits the damage of a wrong record.
const POSITIVE_CEILING: Duration = Duration::from_secs(3600);
/// The longest lifetime of "does not exist": the name may be created soon.
const NEGATIVE_CEILING: Duration = Duration::from_secs(60);
/// RFC 2308 section 7 allows five minutes for a server that fails; a laptop changes networks sooner.
const NO_ANSWER: Duration = Duration::from_secs(1);

pub(super) struct Cache {
    entries: HashMap<Arc<str>, CacheEntry>,
    capacity: usize,
}

struct CacheEntry {
    answer: ResolveResult,
    until: Instant,
}

impl Cache {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            entries: HashMap::new(),
            capacity: capacity.max(1),
        }
    }

    pub(super) fn get(&self, host: &str, now: Instant) -> Option<ResolveResult> {
        let entry = self.entries.get(host)?;
        (now < entry.until).then(|| entry.answer.clone())
    }

    pub(super) fn put(
        &mut self,
        host: Arc<str>,
        answer: ResolveResult,
        ttl: Duration,
        now: Instant,
    ) {
        let holds = match answer {
            Ok(_) => ttl.clamp(FLOOR, POSITIVE_CEILING),
            Err(ResolveError::NotFound(_)) => ttl.clamp(FLOOR, NEGATIVE_CEILING),
            Err(ResolveError::NoAnswer(_)) => NO_ANSWER,
        };
        if self.entries.len() >= self.capacity && !self.entries.contains_key(&host) {
            self.make_room(now);
        }
        let until = now + holds;
        self.entries.insert(host, CacheEntry { answer, until });
    }

    /// Drops expired entries; if there are none, the one that expires first.
    fn make_room(&mut self, now: Instant) {
        self.entries.retain(|_, entry| now < entry.until);
        if self.entries.len() < self.capacity {
            return;
        }
        let first = self.entries.iter().min_by_key(|(_, entry)| entry.until);
        if let Some(host) = first.map(|(host, _)| host.clone()) {
            self.entries.remove(&host);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found() -> ResolveResult {
        Ok(Arc::from([std::net::IpAddr::from([192, 0, 2, 1])]))
    }

    #[test]
    fn an_answer_is_cached_for_its_ttl_within_the_bounds() {
        let (now, host) = (Instant::now(), Arc::<str>::from("a.test"));
        let holds = |answer: ResolveResult, ttl: u64| {
            let mut cache = Cache::new(4);
            cache.put(host.clone(), answer, Duration::from_secs(ttl), now);
            let at = |secs: u64| {
                cache
                    .get("a.test", now + Duration::from_secs(secs))
                    .is_some()
            };
            (0..10_000).take_while(|secs| at(*secs)).count()
        };
        assert_eq!(holds(found(), 30), 30);
        assert_eq!(holds(found(), 0), 1);
        assert_eq!(holds(found(), 999_999), 3600);
        assert_eq!(holds(Err(ResolveError::NotFound(host.clone())), 20), 20);
        assert_eq!(holds(Err(ResolveError::NotFound(host.clone())), 900), 60);
        assert_eq!(holds(Err(ResolveError::NoAnswer(host.clone())), 900), 1);
    }

    proptest! {
        #[test]
        fn the_cache_stays_within_its_capacity_and_never_answers_stale_entries(
            steps in prop::collection::vec((0u8..20, 0u64..100, 0u64..50), 0..200),
        ) {
            let mut cache = Cache::new(8);
            let mut now = Instant::now();
            let mut truth: HashMap<u8, Instant> = HashMap::new();
            for (name, ttl, pass) in steps {
                now += Duration::from_secs(pass);
                let host: Arc<str> = format!("{name}").into();
                if cache.get(&host, now).is_some() {
                    prop_assert!(truth.get(&name).is_some_and(|until| now < *until));
                }
                cache.put(host, found(), Duration::from_secs(ttl), now);
                truth.insert(name, now + Duration::from_secs(ttl).max(FLOOR));
                prop_assert!(cache.entries.len() <= 8);
            }
        }
    }
}
