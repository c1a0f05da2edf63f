//! Parts in a cache: whatever is stored, breaks off and is asked for, every byte that is read is the right one.

use std::sync::Arc;

use crate::body::BodyReadError;
use crate::cache::Cache;
use crate::fill::FillPermit;
use crate::lookup::Lookup;
use crate::partial_hit::PartialHit;
use crate::rules::range::{ByteRange, ContentRange};
use crate::testing::*;

const LEN: u64 = 300_000;

fn byte(at: u64) -> u8 {
    (at % 251) as u8
}

fn bytes(range: ByteRange) -> Vec<u8> {
    (range.first..=range.last).map(byte).collect()
}

fn look(cache: &Arc<Cache>, headers: Headers<'_>) -> Lookup {
    look_for_part(cache, "/large", headers)
}

/// Receives what was asked for; `breaks`: not to its end. Checks what the client reads of it.
fn fetch(mut permit: FillPermit, asked: ByteRange, breaks: bool) {
    let partial_hit: Option<PartialHit> = permit.take_partial_hit();
    let fetched = partial_hit
        .as_ref()
        .map_or(asked, |partial_hit| partial_hit.missing);
    let part = ContentRange {
        range: fetched,
        complete: Some(LEN),
    };
    let held = partial_hit.as_ref().map(|partial_hit| &partial_hit.entry);
    let new = get("/large").new_entry();
    let (entry, mut writer) = permit.store_part(part_head("/large", part), part, &new, held);
    let reader = entry.range_reader(asked.first, asked.len());
    let body = bytes(fetched);
    if breaks {
        writer.push(&body[..body.len() / 2]).expect("not too long");
        writer.abort();
        // What is read breaks off as well, unless it has no byte of what was missing.
        if let Ok(read) = read(reader) {
            assert_eq!(read, bytes(asked));
        }
        return;
    }
    writer.push(&body).expect("not too long");
    writer.finish(b"").expect("all of it");
    assert_eq!(read(reader), Ok(bytes(asked)));
}

#[test]
fn every_history_of_parts_gives_the_right_bytes() {
    for seed in 0..60 {
        let mut dice = Dice::new(seed);
        let cache = cache();
        let (mut answered, mut wholes) = (0, 0);
        for _ in 0..60 {
            let first = dice.roll(LEN);
            let last = (first + dice.roll(LEN / 3)).min(LEN - 1);
            let asked = ByteRange { first, last };
            let text = format!("bytes={first}-{last}");
            match look(&cache, &[("Range", text.as_str())]) {
                Lookup::Part { entry, range } => {
                    assert_eq!(range, asked);
                    let reader = entry.range_reader(range.first, range.len());
                    assert_eq!(read(reader), Ok(bytes(asked)), "seed {seed}");
                    answered += 1;
                }
                // All parts have become one.
                Lookup::Hit { entry, .. } => {
                    let reader = entry.range_reader(first, asked.len());
                    assert_eq!(read(reader), Ok(bytes(asked)), "seed {seed}");
                    wholes += 1;
                }
                Lookup::Lead { permit, .. } => fetch(permit, asked, dice.roll(4) == 0),
                other => panic!("seed {seed}: {other:?}"),
            }
        }
        assert!(answered + wholes > 0, "seed {seed}");
    }
}

#[test]
fn a_request_for_the_whole_asks_for_what_is_missing_alone() {
    let cache = cache();
    let all = ByteRange {
        first: 0,
        last: LEN - 1,
    };
    for (first, last) in [(0, 999), (5_000, LEN - 1)] {
        let text = format!("bytes={first}-{last}");
        let Lookup::Lead { permit, .. } = look(&cache, &[("Range", text.as_str())]) else {
            panic!("nothing is stored");
        };
        fetch(permit, ByteRange { first, last }, false);
    }
    let Lookup::Lead { mut permit, .. } = look(&cache, &[]) else {
        panic!("a part is missing");
    };
    let partial_hit = permit.partial_hit.take().expect("parts are stored");
    assert_eq!(
        (partial_hit.missing.first, partial_hit.missing.last),
        (1_000, 4_999)
    );
    permit.partial_hit = Some(partial_hit);
    fetch(permit, all, false);
    let Lookup::Hit { entry, .. } = look(&cache, &[]) else {
        panic!("it is complete");
    };
    assert!(entry.is_complete() && entry.head().status == 200);
    assert_eq!(read(entry.reader(0)), Ok(bytes(all)));
    assert_eq!(cache.stats().entries, 1);
}

#[test]
fn a_range_that_is_not_there_is_not_read() {
    let cache = cache();
    let Lookup::Lead { permit, .. } = look(&cache, &[("Range", "bytes=0-9")]) else {
        panic!("nothing is stored");
    };
    fetch(permit, ByteRange { first: 0, last: 9 }, false);
    let Lookup::Part { entry, .. } = look(&cache, &[("Range", "bytes=2-3")]) else {
        panic!("it is stored");
    };
    assert_eq!(read(entry.range_reader(5, 10)), Err(BodyReadError::Io));
    assert_eq!(read(entry.reader(0)), Err(BodyReadError::Io));
}
