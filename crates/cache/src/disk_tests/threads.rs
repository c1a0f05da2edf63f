//! Threads that share a cache with a disk.

use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::body::BodyReadError;
use crate::cache::lock;
use crate::fill::FillPermit;
use crate::lookup::{Lookup, LookupAttempt};
use crate::purge::{EntryChange, EntrySelector};
use crate::testing::*;
use crate::waiter::Wake;

/// Requests of several threads for few paths, while entries leave, are purged and are written: every answer is one of
/// the path's own versions, whole, and nobody waits for ever.
#[test]
fn threads_share_a_cache_without_mixing_anything_up() {
    let folder = TempDir::new().expect("a folder");
    let mut settings = settings(folder.path(), None);
    settings.memory = 2 << 20;
    let cache = Cache::new(settings, KeySecret([7; 16]));
    let threads: Vec<_> = (0..4)
        .map(|number| {
            let cache = cache.clone();
            std::thread::spawn(move || {
                let mut dice = Dice::new(number + 1);
                (0..400)
                    .map(|_| u64::from(request(&cache, &mut dice)))
                    .sum::<u64>()
            })
        })
        .collect();
    let hits: u64 = threads
        .into_iter()
        .map(|thread| thread.join().expect("no panic"))
        .sum();
    assert!(hits > 100, "{hits} hits");
    assert!(
        cache
            .shards
            .iter()
            .all(|shard| lock(shard).in_flight_requests.is_empty())
    );
    assert!(cache.flush(WAIT));
    cache.change(&EntrySelector::All, EntryChange::Remove);
    assert_eq!(cache.stats().memory, 0, "everything was given back");
}

/// One request from its look-up to its end. Whether it was answered from the store.
fn request(cache: &Arc<Cache>, dice: &mut Dice) -> bool {
    let path = dice.roll(12);
    let name = format!("/{path}");
    let get = get(&name);
    let body = body_of(1000 + path as usize * 9000);
    let mut attempt = LookupAttempt::First;
    let mut waits = 0;
    loop {
        attempt = match get.ask(cache, attempt, 0) {
            Lookup::Hit { entry, .. } => {
                match read(entry.reader(0)) {
                    Ok(read) => assert!(read == body, "a body of another path"),
                    Err(broken) => {
                        assert!(matches!(broken, BodyReadError::Aborted | BodyReadError::Io))
                    }
                }
                return true;
            }
            Lookup::Lead { permit, .. } => {
                lead(permit, &get, &body, dice);
                if dice.roll(10) == 0 {
                    cache.change(&EntrySelector::Key(get.key(cache)), EntryChange::Remove);
                }
                return false;
            }
            Lookup::Wait(mut waiter) => {
                waits += 1;
                match block_on(|cx| waiter.poll(cx)) {
                    Wake::LookAgain => LookupAttempt::Again(waits),
                    Wake::Lead(permit) => LookupAttempt::Leads(permit),
                    Wake::Failed => return false,
                }
            }
            Lookup::Load(mut loading) => block_on(|cx| loading.poll(cx)),
            Lookup::Bypass(_) => return false,
            other => panic!("{other:?}"),
        };
    }
}

fn lead(permit: FillPermit, get: &Get<'_>, body: &[u8], dice: &mut Dice) {
    match dice.roll(10) {
        0 => return permit.failed(),
        1 => return drop(permit),
        _ => {}
    }
    let (_, mut writer) = permit.store(get.head(FRESH), &get.new_entry());
    for piece in body.chunks(7000) {
        writer.push(piece).expect("any length");
        std::thread::yield_now();
    }
    if dice.roll(10) > 0 {
        writer.finish(b"").expect("any length");
    }
}
