//! Parts in files of their own.

use tempfile::TempDir;

use super::*;
use crate::lookup::Lookup;
use crate::purge::{EntryChange, EntrySelector};
use crate::rules::range::{ByteRange, ContentRange};
use crate::testing::*;

const PART: u64 = 3 << 20;

fn small(folder: &Path, memory: u64) -> Arc<Cache> {
    let mut settings = settings(folder, None);
    settings.memory = memory;
    Cache::new(settings, KeySecret([7; 16]))
}

fn range_of(number: u64) -> ByteRange {
    ByteRange {
        first: number * PART,
        last: (number + 1) * PART - 1,
    }
}

fn look(cache: &Arc<Cache>, range: ByteRange) -> Lookup {
    let text = format!("bytes={}-{}", range.first, range.last);
    look_for_part(cache, "/large", &[("Range", text.as_str())])
}

/// Fetches a part of `body`, as the receiver of a body does.
fn fetch(cache: &Arc<Cache>, range: ByteRange, body: &[u8]) {
    let Lookup::Lead { mut permit, .. } = look(cache, range) else {
        panic!("{range:?} is not stored");
    };
    let completing = permit.take_partial_hit();
    let held = completing.as_ref().map(|completing| &completing.entry);
    let part = ContentRange {
        range,
        complete: Some(body.len() as u64),
    };
    let mut new = get("/large").new_entry();
    new.body_len = Some(range.len());
    let (entry, mut writer) = permit.store_part(part_head("/large", part), part, &new, held);
    let reader = entry.range_reader(range.first, range.len());
    let bytes = &body[range.first as usize..=range.last as usize];
    for piece in bytes.chunks(60_000) {
        block_on(|cx| writer.poll_ready(cx)).expect("somebody wants it");
        writer.push(piece).expect("as announced");
    }
    writer.finish(b"").expect("all of it");
    assert!(read(reader).expect("whole") == bytes);
    // A part that arrives makes the whole of all, and that removes the files of the parts: each is a job of its own.
    for _ in 0..3 {
        assert!(cache.flush(WAIT));
    }
}

fn stored(cache: &Arc<Cache>, range: ByteRange) -> Option<Vec<u8>> {
    match look(cache, range) {
        Lookup::Part { entry, range } => {
            Some(read(entry.range_reader(range.first, range.len())).expect("whole"))
        }
        Lookup::Hit { entry, .. } => {
            Some(read(entry.range_reader(range.first, range.len())).expect("whole"))
        }
        _ => None,
    }
}

#[test]
fn large_parts_leave_memory_and_become_the_whole() {
    let body = body_of(4 * PART as usize);
    // In the first cache a part goes to disk while it arrives, in the second one once it is there.
    for memory in [2 * MIB, 16 * MIB] {
        let folder = TempDir::new().expect("a folder");
        let cache = small(folder.path(), memory);
        for number in [2, 0, 3] {
            fetch(&cache, range_of(number), &body);
        }
        assert_eq!(objects(folder.path()), 3);
        let stats = cache.stats();
        assert!(stats.memory < MIB, "{stats:?}");
        assert_eq!(stats.disk.expect("a disk").bytes, 3 * PART);
        let across = ByteRange {
            first: 2 * PART + 100_000,
            last: 4 * PART - 7,
        };
        let expected = &body[across.first as usize..=across.last as usize];
        assert!(stored(&cache, across).expect("it is stored") == expected);
        fetch(&cache, range_of(1), &body);
        let disk = cache.stats().disk.expect("a disk");
        assert_eq!((disk.entries, disk.problem), (1, None));
        assert!(get("/large").body(&cache).expect("the whole") == body);
        assert_eq!(objects(folder.path()), 1, "the parts are gone");
        cache.close();
        let cache = small(folder.path(), memory);
        assert!(get("/large").body(&cache).expect("the whole") == body);
    }
}

#[test]
fn parts_on_disk_are_bounded_and_removed_with_their_entry() {
    let folder = TempDir::new().expect("a folder");
    let cache = small(folder.path(), 2 * MIB);
    // A quarter of 64 MiB holds five.
    let body = body_of(9 * PART as usize);
    for number in 0..8 {
        fetch(&cache, range_of(number), &body);
        assert!(cache.stats().disk.expect("a disk").bytes <= 16 * MIB);
    }
    assert_eq!(objects(folder.path()), 5);
    assert!(
        stored(&cache, range_of(2)).is_none(),
        "the oldest ones have left"
    );
    for number in 3..8 {
        let range = range_of(number);
        let expected = &body[range.first as usize..=range.last as usize];
        assert!(stored(&cache, range).expect("it is stored") == expected);
    }
    fetch(&cache, range_of(2), &body);
    assert!(stored(&cache, range_of(3)).is_none());
    assert_eq!(cache.change(&EntrySelector::All, EntryChange::Remove), 1);
    assert!(cache.flush(WAIT));
    assert_eq!(objects(folder.path()), 0);
    assert_eq!(cache.stats().disk.expect("a disk").bytes, 0);
}

#[test]
fn a_damaged_part_is_fetched_again_and_a_restart_leaves_none() {
    let folder = TempDir::new().expect("a folder");
    let cache = small(folder.path(), 2 * MIB);
    let body = body_of(3 * PART as usize);
    fetch(&cache, range_of(0), &body);
    fetch(&cache, range_of(1), &body);
    let mut files = files(&folder.path().join("objects"));
    files.sort();
    let mut bytes = fs::read(&files[0]).expect("it exists");
    bytes[1_000_000] ^= 1;
    fs::write(&files[0], bytes).expect("it is written");
    let Lookup::Part { entry, range } = look(&cache, range_of(0)) else {
        panic!("it is stored");
    };
    assert!(read(entry.range_reader(range.first, range.len())).is_err());
    fetch(&cache, range_of(0), &body);
    assert!(stored(&cache, range_of(0)).is_some() && stored(&cache, range_of(1)).is_some());
    cache.close();
    drop((entry, cache));
    let cache = small(folder.path(), 2 * MIB);
    assert!(stored(&cache, range_of(0)).is_none());
    let stats = cache.stats().disk.expect("a disk");
    assert_eq!((stats.entries, stats.bytes), (0, 0));
    cache.close();
    assert_eq!(objects(folder.path()), 0);
}
