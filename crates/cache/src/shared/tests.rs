//! Values, purges and what is believed of a store.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::key::Scopes;
use super::lifetime::MAX_VALUE_LIFETIME;
use super::value::{MOST_VALUE, Value};
use super::*;
use crate::store::disk::seal::DiskKey;
use crate::testing::{Dice, FRESH, Get, Headers, NOW, cache, get};
use crate::{Cache, Lookup, Policy, Timestamp};

/// A store that keeps what is handed in.
#[derive(Debug, Default)]
pub(super) struct Fake {
    pub(super) purges: Purges,
    puts: Mutex<Vec<SharedPut>>,
    counters: SharedCounters,
}

impl SharedStore for Fake {
    fn get(&self, _: SharedKey, _: &Scopes, _: Instant) -> Option<Getting> {
        None
    }
    fn get_tags(&self, _: &[Scope], _: Instant) -> Option<GettingTags> {
        None
    }
    fn put(&self, put: SharedPut) {
        self.puts.lock().expect("no panic").push(put);
    }
    fn purges(&self) -> &Purges {
        &self.purges
    }
    fn deliver_purges(&self) {}
    fn timeout(&self) -> Duration {
        Duration::ZERO
    }
    fn secret(&self) -> Option<&DiskKey> {
        None
    }
    fn counters(&self) -> &SharedCounters {
        &self.counters
    }
    fn stats(&self) -> SharedStats {
        SharedStats::default()
    }
}

pub(super) fn shared_cache() -> (Arc<Cache>, Arc<Fake>) {
    let (cache, store) = (cache(), Arc::<Fake>::default());
    cache.set_shared_store(Some(store.clone()));
    (cache, store)
}

fn get_with<'a>(path: &'a str, headers: Headers<'a>) -> Get<'a> {
    Get { path, headers }
}

fn ask(get: &Get<'_>) -> SharedAsk {
    SharedAsk::new("space", &get.request()).expect("it is shared")
}

/// Fetches a response with this, and gives what is written of it.
pub(super) fn written(
    get: &Get<'_>,
    fields: Headers<'_>,
    body: &[u8],
    secret: Option<&DiskKey>,
) -> Vec<Write> {
    written_by(get, fields, body, secret, Generations::default())
}

pub(super) fn written_by(
    get: &Get<'_>,
    fields: Headers<'_>,
    body: &[u8],
    secret: Option<&DiskKey>,
    generations: Generations,
) -> Vec<Write> {
    let (cache, store) = shared_cache();
    let Lookup::Lead { permit, .. } = get.first(&cache) else {
        panic!("nothing is stored");
    };
    let fill = SharedFill {
        store: store.clone(),
        ask: ask(get),
        generations,
    };
    let permit = permit.shared_by(Box::new(fill));
    let (_, mut writer) = permit.store(get.head(fields), &get.new_entry());
    writer.push(body).expect("any length");
    writer.finish(b"").expect("any length");
    let puts = store.puts.lock().expect("no panic");
    let writes = puts.iter().map(|put| put.writes(secret, NOW));
    writes.flatten().collect()
}

/// What a request makes of a value.
pub(super) fn read(
    get: &Get<'_>,
    write: &Write,
    left: Duration,
    secret: Option<&DiskKey>,
    known: Generations,
) -> Read {
    let got = Got {
        value: Some((write.value.clone(), left)),
        generations: known,
    };
    let policy = Policy::shared();
    ask(get).read(&write.key, &got, secret, &get.request(), (&policy, NOW))
}

pub(super) fn entry(read: Read) -> SharedEntry {
    match read {
        Read::Entry(entry) => *entry,
        other => panic!("{other:?}"),
    }
}

pub(super) const NONE: Generations = Generations([0; 4]);

#[test]
fn what_is_written_is_read_by_another_machine() {
    let get = get("/x");
    for secret in [None, Some(&DiskKey::new([3; 32]))] {
        let writes = written(&get, FRESH, b"a body", secret);
        let [write] = &writes[..] else {
            panic!("{writes:?}")
        };
        let found = entry(read(&get, write, write.keep_for, secret, NONE));
        assert_eq!((&found.body[..], found.head.status), (&b"a body"[..], 200));
        let (other, store) = shared_cache();
        let Lookup::Lead { permit, .. } = get.first(&other) else {
            panic!("nothing is stored");
        };
        assert!(
            permit
                .install(found, "http://origin.test/x", false, &*store)
                .is_none()
        );
        assert!(matches!(get.first(&other), Lookup::Hit { .. }));
        // It is not written back.
        assert!(store.puts.lock().expect("no panic").is_empty());
        assert_eq!(other.stats().counts.missed, 0);
    }
}

#[test]
fn a_short_response_that_came_whole_is_written_too() {
    let get = get("/x");
    let (cache, store) = shared_cache();
    let fill = SharedFill {
        store: store.clone(),
        ask: ask(&get),
        generations: NONE,
    };
    let permit = get.lead(&cache).shared_by(Box::new(fill));
    permit.store_whole(get.head(FRESH), &get.new_entry(), b"a body");
    let puts = store.puts.lock().expect("no panic");
    let writes: Vec<Write> = puts.iter().flat_map(|put| put.writes(None, NOW)).collect();
    let [write] = &writes[..] else {
        panic!("{writes:?}")
    };
    let found = entry(read(&get, write, write.keep_for, None, NONE));
    assert_eq!(found.body, b"a body");
}

#[test]
fn the_stores_clock_tells_the_age() {
    let get = get("/x");
    let write = written(&get, FRESH, b"b", None).remove(0);
    let left = write.keep_for - Duration::from_millis(7001);
    let found = entry(read(&get, &write, left, None, NONE));
    assert_eq!(found.head.age(NOW), 8);
    // A value that is to be kept for longer than it was written for is none.
    let longer = write.keep_for + Duration::from_millis(1);
    assert!(matches!(
        read(&get, &write, longer, None, NONE),
        Read::Refused
    ));
}

#[test]
fn any_changed_byte_is_refused() {
    let get = get("/x");
    for secret in [None, Some(&DiskKey::new([3; 32]))] {
        let write = written(&get, FRESH, b"a body", secret).remove(0);
        let policy = Policy::shared();
        for at in 0..write.value.len() {
            let mut value = write.value.clone();
            value[at] ^= 0x10;
            assert!(
                Value::decode(&value, &write.key, secret, &policy).is_err(),
                "{at}"
            );
            let cut = &write.value[..at];
            assert!(
                Value::decode(cut, &write.key, secret, &policy).is_err(),
                "{at}"
            );
        }
        let other = SharedKey([9; 32]);
        assert!(Value::decode(&write.value, &other, secret, &policy).is_err());
        let long = vec![0; MOST_VALUE + 1];
        assert!(Value::decode(&long, &write.key, secret, &policy).is_err());
    }
    // A value without encryption is not taken for one with it.
    let plain = written(&get, FRESH, b"a body", None).remove(0);
    let secret = DiskKey::new([3; 32]);
    assert!(Value::decode(&plain.value, &plain.key, Some(&secret), &Policy::shared()).is_err());
}

#[test]
fn responses_for_single_clients_are_not_written() {
    let get = get("/x");
    for fields in [
        &[("Cache-Control", "max-age=60"), ("Set-Cookie", "a=b")][..],
        &[("Cache-Control", "max-age=60, no-cache"), ("ETag", "\"v\"")],
        &[("Cache-Control", "max-age=0"), ("ETag", "\"v\"")],
    ] {
        assert!(written(&get, fields, b"b", None).is_empty(), "{fields:?}");
    }
    let large = vec![b'x'; usize::try_from(MOST_BODY).unwrap() + 1];
    assert!(written(&get, FRESH, &large, None).is_empty());
    assert!(
        SharedAsk::new(
            "space",
            &get_with("/x", &[("Authorization", "Basic eDp5")]).request()
        )
        .is_none()
    );
    let private = crate::cache::Cache::new(
        crate::CacheSettings {
            policy: Policy::private(),
            memory: 1 << 20,
            disk: None,
        },
        crate::KeySecret([7; 16]),
    );
    private.set_shared_store(Some(Arc::<Fake>::default()));
    assert!(private.shared_store().is_none());
}

#[test]
fn a_variant_is_found_by_the_fields_that_vary_names() {
    let (german, french) = ([("Accept-Language", "de")], [("Accept-Language", "fr")]);
    let german = get_with("/x", &german);
    let french = get_with("/x", &french);
    let fields = &[("Cache-Control", "max-age=60"), ("Vary", "Accept-Language")];
    let writes = written(&german, fields, b"hallo", None);
    let [names, value] = &writes[..] else {
        panic!("{writes:?}")
    };
    assert_eq!(names.key, ask(&french).key);
    // What the request said is not in them.
    for write in &writes {
        assert!(!write.value.windows(3).any(|bytes| bytes == b":de"));
    }
    let variant = |get: &Get<'_>| match read(get, names, names.keep_for, None, NONE) {
        Read::Variant(key) => key,
        other => panic!("{other:?}"),
    };
    assert_eq!(variant(&german), value.key);
    assert_ne!(variant(&french), value.key);
    assert_eq!(
        entry(read(&german, value, value.keep_for, None, NONE)).body,
        b"hallo"
    );
    assert!(matches!(
        read(&french, value, value.keep_for, None, NONE),
        Read::Refused
    ));
}

#[test]
fn the_rules_of_what_may_be_stored_hold_for_what_is_read() {
    let get = get("/x");
    let write = written(&get, FRESH, b"b", None).remove(0);
    // What nobody may store or send: planted by who can write to the store.
    for (from, to) in [("max-age=60", "no-store  "), ("max-age=60", "private   ")] {
        let bad = Policy::shared();
        let Ok(Value::Entry(mut entry)) = Value::decode(&write.value, &write.key, None, &bad)
        else {
            panic!("it was written");
        };
        let lines = String::from_utf8(entry.description.head.lines.to_vec()).unwrap();
        assert!(lines.contains(from), "{lines}");
        entry.description.head.lines = lines.replace(from, to).into_bytes().into();
        let value = Value::Entry(entry)
            .encode(&write.key, None)
            .expect("it fits");
        let planted = Write {
            value,
            ..Write {
                key: write.key,
                value: Vec::new(),
                keep_for: write.keep_for,
            }
        };
        assert!(
            matches!(
                read(&get, &planted, write.keep_for, None, NONE),
                Read::Refused
            ),
            "{to}"
        );
    }
    // For another URL.
    let other = get_with("/y", &[]);
    assert!(matches!(
        read(&other, &write, write.keep_for, None, NONE),
        Read::Refused
    ));
}

#[test]
fn an_entry_is_kept_as_long_as_it_is_of_use() {
    let kept = |fields: &str, ttl| {
        let lines = format!("Cache-Control: {fields}\r\n");
        let lines = crate::FieldLines(lines.as_bytes());
        let policy = Policy::shared();
        let lifetime = crate::rules::lifetime::Lifetime::read(200, &lines, Timestamp(0), &policy);
        kept_for(&lifetime, ttl).map(|kept| kept.as_secs())
    };
    assert_eq!(kept("max-age=60", 50), Some(50));
    assert_eq!(kept("max-age=60, stale-while-revalidate=30", 50), Some(80));
    assert_eq!(
        kept("max-age=60, stale-if-error=9999999", 50),
        Some(50 + 24 * 3600)
    );
    assert_eq!(
        kept("max-age=60, stale-if-error=30, must-revalidate", 50),
        Some(50)
    );
    assert_eq!(
        kept("max-age=99999999", 99_999_999),
        Some(MAX_VALUE_LIFETIME.as_secs())
    );
    assert_eq!(kept("max-age=60", 0), None);
    assert_eq!(kept("max-age=60, no-cache", 50), None);
}

#[test]
fn any_contents_are_read_or_refused() {
    let get = get_with("/x", &[("Accept-Language", "de")]);
    let fields = &[
        ("Cache-Control", "max-age=60"),
        ("Vary", "Accept-Language, A"),
    ];
    let mut dice = Dice::new(7);
    for write in written(&get, fields, b"a body", None) {
        // Between the salt and the checksum.
        let contents = &write.value[25..write.value.len() - 4];
        check(contents);
        for _ in 0..5000 {
            let mut changed = contents.to_vec();
            for _ in 0..1 + dice.roll(4) {
                let at = dice.roll(changed.len() as u64) as usize;
                match dice.roll(3) {
                    0 => changed[at] = dice.roll(256) as u8,
                    1 => changed.truncate(at + 1),
                    _ => changed.insert(at, dice.roll(256) as u8),
                }
            }
            check(&changed);
        }
    }
}
