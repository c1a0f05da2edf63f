use std::task::Poll;

use super::*;
use crate::body::BodyReadError;
use crate::body_reader::BodyReader;
use crate::fill::FillPermit;
use crate::lookup::{Lookup, LookupAttempt};
use crate::new_entry::NewEntry;
use crate::purge::{EntryChange, EntrySelector};
use crate::rules::verdict::CacheReason;
use crate::testing::*;
use crate::waiter::{Waiter, Wake};

#[test]
fn a_stored_response_answers_while_it_is_fresh_and_is_validated_then() {
    let cache = cache();
    let get = get("/a");
    get.fill(&cache, FRESH, b"body");
    assert_eq!(get.body(&cache).as_deref(), Some(&b"body"[..]));
    match get.ask(&cache, LookupAttempt::First, 61) {
        Lookup::Validate {
            why: CacheReason::Expired,
            permit,
            entry,
            ..
        } => {
            let updated = permit
                .not_modified(get.head(FRESH))
                .expect("it was validated");
            assert!(!updated.is_same(&entry));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(get.body(&cache).as_deref(), Some(&b"body"[..]));
    let counts = cache.stats().counts;
    assert_eq!(
        (counts.hits, counts.validated, counts.missed, counts.stored),
        (2, 1, 1, 1)
    );
}

#[test]
fn a_thousand_requests_for_one_missing_object_make_one() {
    let cache = cache();
    let get = get("/a");
    let permit = get.lead(&cache);
    let mut waiters: Vec<Waiter> = (0..999).map(|_| get.wait(&cache)).collect();
    assert!(
        waiters
            .iter_mut()
            .all(|waiter| waiter.poll(&mut noop()).is_pending())
    );
    let (_, mut writer) = permit.store(get.head(FRESH), &get.new_entry());
    writer.push(b"begins ").expect("open");
    let mut readers: Vec<BodyReader> = waiters
        .iter_mut()
        .map(|waiter| {
            assert!(matches!(
                waiter.poll(&mut noop()),
                Poll::Ready(Wake::LookAgain)
            ));
            match get.ask(&cache, LookupAttempt::Again(1), 0) {
                Lookup::Hit { entry, .. } => {
                    assert!(!entry.is_complete());
                    entry.reader(0)
                }
                other => panic!("{other:?}"),
            }
        })
        .collect();
    for reader in &mut readers {
        let first = reader.poll_next(&mut noop());
        assert!(matches!(first, Poll::Ready(Ok(Some(piece))) if piece == b"begins "[..]));
        assert!(reader.poll_next(&mut noop()).is_pending());
    }
    writer.push(b"and ends").expect("open");
    writer.finish(b"").expect("any length");
    for reader in readers {
        assert_eq!(read(reader).as_deref(), Ok(&b"and ends"[..]));
    }
    let counts = cache.stats().counts;
    assert_eq!((counts.missed, counts.waited, counts.hits), (1, 999, 999));
}

#[test]
fn a_failing_leader_hands_over_once_and_then_all_fail() {
    let cache = cache();
    let get = get("/a");
    let permit = get.lead(&cache);
    let mut waiters: Vec<Waiter> = (0..10).map(|_| get.wait(&cache)).collect();
    permit.failed();
    let Poll::Ready(Wake::Lead(second)) = waiters[0].poll(&mut noop()) else {
        panic!("the first one takes over");
    };
    assert!(
        waiters[1..]
            .iter_mut()
            .all(|waiter| waiter.poll(&mut noop()).is_pending())
    );
    let Lookup::Lead { permit, .. } = get.ask(&cache, LookupAttempt::Leads(second), 0) else {
        panic!("it leads");
    };
    permit.failed();
    for waiter in &mut waiters[1..] {
        assert!(matches!(
            waiter.poll(&mut noop()),
            Poll::Ready(Wake::Failed)
        ));
    }
    get.lead(&cache).failed();
}

#[test]
fn a_leader_that_goes_away_hands_over_as_often_as_it_happens() {
    let cache = cache();
    let get = get("/a");
    let mut permit = Some(get.lead(&cache));
    let mut waiters: Vec<Waiter> = (0..10).map(|_| get.wait(&cache)).collect();
    // The second of those who wait leaves before it is told, the third one once it is.
    drop(waiters.remove(1));
    for waiter in 0..waiters.len() {
        drop(permit.take());
        if waiter == 1 {
            drop(std::mem::replace(&mut waiters[1], get.wait(&cache)));
            continue;
        }
        permit = match waiters[waiter].poll(&mut noop()) {
            Poll::Ready(Wake::Lead(permit)) => Some(permit),
            other => panic!("{waiter}: {other:?}"),
        };
    }
    drop(permit);
    assert!(matches!(
        waiters[1].poll(&mut noop()),
        Poll::Ready(Wake::Lead(_))
    ));
    drop(waiters);
    drop(get.lead(&cache));
    assert!(
        cache
            .shards
            .iter()
            .all(|shard| lock(shard).in_flight_requests.is_empty())
    );
}

#[test]
fn an_uncacheable_answer_releases_all_and_nobody_queues_for_a_while() {
    let cache = cache();
    let get = get("/a");
    let permit = get.lead(&cache);
    let mut waiters: Vec<Waiter> = (0..10).map(|_| get.wait(&cache)).collect();
    permit.uncacheable(NOW);
    for waiter in &mut waiters {
        assert!(matches!(
            waiter.poll(&mut noop()),
            Poll::Ready(Wake::LookAgain)
        ));
        let again = get.ask(&cache, LookupAttempt::Again(1), 0);
        assert!(matches!(again, Lookup::Bypass(CacheReason::Uncacheable)));
    }
    assert!(matches!(
        get.ask(&cache, LookupAttempt::First, 100),
        Lookup::Bypass(CacheReason::Uncacheable)
    ));
    assert!(matches!(
        get.ask(&cache, LookupAttempt::First, 121),
        Lookup::Lead { .. }
    ));
    cache.forget_uncacheable(get.key(&cache));
    drop(get.lead(&cache));
}

#[test]
fn a_body_that_breaks_off_is_never_an_answer() {
    let cache = cache();
    let get = get("/a");
    for finishes in [false, true] {
        let new = NewEntry {
            body_len: Some(10),
            ..get.new_entry()
        };
        let (entry, mut writer) = get.lead(&cache).store(get.head(FRESH), &new);
        writer.push(b"half").expect("open");
        let reader = entry.reader(0);
        if finishes {
            assert!(writer.finish(b"").is_err());
        } else {
            drop(writer);
        }
        assert_eq!(read(reader), Err(BodyReadError::Aborted));
        assert_eq!(read(entry.reader(0)), Err(BodyReadError::Aborted));
    }
    drop(get.lead(&cache));
    assert_eq!(
        (cache.stats().entries, cache.stats().counts.aborted),
        (0, 2)
    );
}

#[test]
fn variants_are_told_apart_and_those_who_wait_for_another_one_lead() {
    let cache = cache();
    let vary: Headers<'_> = &[("Cache-Control", "max-age=60"), ("Vary", "X-Color")];
    let red = Get {
        path: "/a",
        headers: &[("X-Color", "red")],
    };
    let blue = Get {
        path: "/a",
        headers: &[("X-Color", "blue")],
    };
    let permit = red.lead(&cache);
    let mut waits = blue.wait(&cache);
    let (_, mut writer) = permit.store(red.head(vary), &red.new_entry());
    writer.push(b"red").expect("open");
    writer.finish(b"").expect("any length");
    assert!(matches!(
        waits.poll(&mut noop()),
        Poll::Ready(Wake::LookAgain)
    ));
    let Lookup::Lead { permit, .. } = blue.ask(&cache, LookupAttempt::Again(1), 0) else {
        panic!("no variant for it, and nobody fetches one");
    };
    let (_, mut writer) = permit.store(blue.head(vary), &blue.new_entry());
    writer.push(b"blue").expect("open");
    writer.finish(b"").expect("any length");
    assert_eq!(red.body(&cache).as_deref(), Some(&b"red"[..]));
    assert_eq!(blue.body(&cache).as_deref(), Some(&b"blue"[..]));
    assert_eq!(cache.stats().entries, 2);
    red.ask(&cache, LookupAttempt::First, 0);
    assert_eq!(
        cache.change(&EntrySelector::Key(red.key(&cache)), EntryChange::Remove),
        2
    );
    assert_eq!(cache.stats().memory, 0);
}

#[test]
fn a_key_has_a_bounded_number_of_variants() {
    let cache = cache();
    let vary: Headers<'_> = &[("Cache-Control", "max-age=60"), ("Vary", "X-Color")];
    let colors: Vec<String> = (0..100).map(|color| color.to_string()).collect();
    for color in &colors {
        Get {
            path: "/a",
            headers: &[("X-Color", color)],
        }
        .fill(&cache, vary, b"x");
    }
    assert_eq!(cache.stats().entries as usize, MOST_VARIANTS);
    assert!(
        Get {
            path: "/a",
            headers: &[("X-Color", "99")]
        }
        .body(&cache)
        .is_some()
    );
}

#[test]
fn memory_is_bounded_and_counts_everything() {
    let limit = 4 << 20;
    let cache = cache_of(limit);
    let paths: Vec<String> = (0..2000).map(|number| format!("/{number}")).collect();
    let body = vec![b'x'; 10_000];
    for path in &paths {
        get(path).fill(&cache, FRESH, &body);
        assert!(cache.stats().memory <= limit);
    }
    let stats = cache.stats();
    assert!(stats.memory > limit / 2, "{stats:?}");
    assert!(stats.entries > 200 && stats.counts.evicted == 2000 - stats.entries);
    assert_eq!(
        cache.change(&EntrySelector::All, EntryChange::Remove) as u64,
        stats.entries
    );
    assert_eq!(cache.stats().memory, 0);
    cache.set_memory(0);
    get("/x").fill(&cache, FRESH, &body);
    assert_eq!(cache.stats().entries, 0, "nothing fits");
}

#[test]
fn a_body_larger_than_the_largest_object_passes_and_is_not_stored() {
    let cache = cache_of(4 << 20);
    let get = get("/large");
    let (entry, mut writer) = get.lead(&cache).store(get.head(FRESH), &get.new_entry());
    let mut reader = entry.reader(0);
    let piece = vec![b'x'; 50_000];
    let (mut sent, mut got) = (0, 0);
    while sent < 10 << 20 {
        match writer.poll_ready(&mut noop()) {
            Poll::Ready(ready) => {
                ready.expect("it is read");
                writer.push(&piece).expect("open");
                sent += piece.len();
            }
            Poll::Pending => {
                while let Poll::Ready(Ok(Some(piece))) = reader.poll_next(&mut noop()) {
                    got += piece.len();
                }
            }
        }
    }
    writer.finish(b"").expect("any length");
    got += read(reader).expect("complete").len();
    assert_eq!(got, sent);
    assert_eq!(cache.stats().entries, 0);
}

#[test]
fn one_request_refreshes_what_is_stale_while_others_are_answered() {
    let cache = cache();
    let get = get("/a");
    get.fill(
        &cache,
        &[("Cache-Control", "max-age=60, stale-while-revalidate=60")],
        b"old",
    );
    let Lookup::Refresh {
        permit: Some(permit),
        ..
    } = get.ask(&cache, LookupAttempt::First, 70)
    else {
        panic!("the first one refreshes it");
    };
    for _ in 0..3 {
        let Lookup::Refresh {
            permit: None,
            entry,
            ..
        } = get.ask(&cache, LookupAttempt::First, 70)
        else {
            panic!("the others do not");
        };
        assert_eq!(read(entry.reader(0)).as_deref(), Ok(&b"old"[..]));
    }
    let (_, mut writer) = permit.store(get.head(FRESH), &get.new_entry());
    writer.push(b"new").expect("open");
    writer.finish(b"").expect("any length");
    assert_eq!(get.body(&cache).as_deref(), Some(&b"new"[..]));
    assert_eq!(cache.stats().entries, 1, "it took the place of the old one");
}

#[test]
fn a_body_that_is_there_is_stored_at_once() {
    let (cache, get) = (cache(), get("/a"));
    let this = EntrySelector::Url("http://origin.test/a");
    get.fill(&cache, FRESH, b"old");
    cache.change(&this, EntryChange::Invalidate);
    let Lookup::Validate { permit, .. } = get.first(&cache) else {
        panic!("it was invalidated");
    };
    let mut waiter = get.wait(&cache);
    assert!(permit.takes_whole(16 * 1024) && !permit.takes_whole(16 * 1024 + 1));
    let body = [b'x'; 2000];
    let entry = permit.store_whole(get.head(FRESH), &get.new_entry(), &body);
    assert!(waiter.poll(&mut noop()).is_ready());
    assert_eq!(read(entry.reader(0)).as_deref(), Ok(&body[..]));
    drop(entry);
    assert!(cache.stats().memory > 2000);
    for _ in 0..2 {
        assert_eq!(get.body(&cache).as_deref(), Some(&body[..]));
    }
    let stats = cache.stats();
    assert_eq!((stats.entries, stats.counts.stored), (1, 2));
    cache.change(&this, EntryChange::Remove);
    assert_eq!(cache.stats().memory, 0, "all of it is given back");
    let permit = get.lead(&cache);
    permit.store_whole(get.head(FRESH), &get.new_entry(), b"");
    assert_eq!(get.body(&cache).as_deref(), Some(&b""[..]));
}

#[test]
fn only_if_cached_neither_leads_nor_waits() {
    let cache = cache();
    let only = Get {
        path: "/a",
        headers: &[("Cache-Control", "only-if-cached")],
    };
    assert!(matches!(
        only.first(&cache),
        Lookup::Bypass(CacheReason::NotStored)
    ));
    let permit = only_free(&cache);
    assert!(matches!(
        only.first(&cache),
        Lookup::Bypass(CacheReason::NotStored)
    ));
    drop(permit);
    get("/a").fill(&cache, FRESH, b"x");
    assert_eq!(only.body(&cache).as_deref(), Some(&b"x"[..]));
}

fn only_free(cache: &Arc<Cache>) -> FillPermit {
    get("/a").lead(cache)
}
