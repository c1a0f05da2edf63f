//! Bodies that are sent from their files.

use std::os::unix::fs::FileExt;

use tempfile::TempDir;

use super::*;
use crate::body_reader::BodyReader;
use crate::entry::Entry;
use crate::lookup::Lookup;
use crate::purge::{EntryChange, EntrySelector};
use crate::testing::*;

const LEN: usize = 3_000_000;

/// A response that was stored before this process began.
fn kept(folder: &Path, key: Option<[u8; 32]>) -> (Arc<Cache>, Entry) {
    let cache = open(folder, key);
    get("/a").fill(&cache, FRESH, &body_of(LEN));
    cache.close();
    let cache = open(folder, key);
    match get("/a").first(&cache) {
        Lookup::Hit { entry, .. } => (cache, entry),
        other => panic!("{other:?}"),
    }
}

/// What can be sent from the file, from here on.
fn from_file(reader: &mut BodyReader) -> Vec<u8> {
    let mut sent = Vec::new();
    while let Some(part) = reader.next_file() {
        let mut bytes = vec![0; part.len as usize];
        part.file
            .read_exact_at(&mut bytes, part.offset)
            .expect("the file has it");
        sent.extend(bytes);
    }
    sent
}

#[test]
fn what_was_checked_is_sent_from_the_file_and_nothing_else() {
    let folder = TempDir::new().expect("a folder");
    let body = body_of(LEN);
    let (cache, entry) = kept(folder.path(), None);
    assert!(entry.begins_unchecked());
    assert!(from_file(&mut entry.reader(0)).is_empty());
    // Four blocks are read at once.
    let mut first = entry.reader(0);
    block_on(|cx| first.poll_next(cx)).expect("it can be read");
    drop(first);
    assert!(!entry.begins_unchecked());
    let mut reader = entry.reader(0);
    let sent = from_file(&mut reader);
    assert!(
        sent.len() >= 4 * 65_536 && sent.len() < LEN,
        "{}",
        sent.len()
    );
    assert!(sent == body[..sent.len()] && read(reader).expect("the rest") == body[sent.len()..]);
    let mut all = entry.reader(0);
    assert!(from_file(&mut all) == body, "all of it was checked");
    assert!(matches!(block_on(|cx| all.poll_next(cx)), Ok(None)));
    let mut range = entry.range_reader(100_000, 1_234_567);
    assert!(from_file(&mut range) == body[100_000..1_334_567]);
    // The file stays for who holds it.
    assert_eq!(cache.change(&EntrySelector::All, EntryChange::Remove), 1);
    assert!(cache.flush(WAIT));
    assert_eq!(objects(folder.path()), 0);
    assert!(from_file(&mut entry.reader(7)) == body[7..]);
}

#[test]
fn a_file_that_was_cut_within_a_block_is_sent_up_to_that_block() {
    let folder = TempDir::new().expect("a folder");
    let (_cache, entry) = kept(folder.path(), None);
    assert!(read(entry.reader(0)).expect("whole") == body_of(LEN));
    let path = files(&folder.path().join("objects")).remove(0);
    let file = std::fs::File::options().write(true).open(path);
    let cut = file.and_then(|file| file.set_len(24 + 10 * 65_536 + 100));
    cut.expect("the file takes a length");
    let mut reader = entry.reader(0);
    assert!(from_file(&mut reader) == body_of(LEN)[..10 * 65_536]);
    assert!(read(reader).is_err(), "what is missing is noticed");
}

#[test]
fn what_is_encrypted_is_not_sent_from_the_file() {
    let folder = TempDir::new().expect("a folder");
    let (_cache, entry) = kept(folder.path(), Some([3; 32]));
    assert!(read(entry.reader(0)).expect("whole") == body_of(LEN));
    assert!(from_file(&mut entry.reader(0)).is_empty());
}

/// Files below a folder that this process has open.
fn open_objects(folder: &Path) -> usize {
    let folder = folder.join("objects");
    let open = std::fs::read_dir("/proc/self/fd").expect("Linux");
    open.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok())
        .filter(|path| path.starts_with(&folder))
        .count()
}

#[test]
fn few_files_are_kept_open_and_each_is_opened_again_when_it_is_read() {
    const OBJECTS: usize = 30;
    // Tests keep eight.
    const OPEN: usize = 8;
    let folder = TempDir::new().expect("a folder");
    let cache = open(folder.path(), None);
    let paths: Vec<String> = (0..OBJECTS).map(|number| format!("/{number}")).collect();
    let body = body_of(1_200_000);
    for path in &paths {
        // Less than a quarter of the memory: it is written once it is whole.
        get(path).fill(&cache, FRESH, &body);
        assert!(cache.flush(WAIT));
    }
    cache.close();
    let cache = open(folder.path(), None);
    let hit = |path: &str| match get(path).first(&cache) {
        Lookup::Hit { entry, .. } => entry,
        other => panic!("{other:?}"),
    };
    let entries: Vec<Entry> = paths.iter().map(|path| hit(path)).collect();
    assert!(open_objects(folder.path()) <= OPEN);
    for _ in 0..2 {
        for entry in &entries {
            assert!(read(entry.reader(0)).expect("whole") == body);
            assert!(open_objects(folder.path()) <= OPEN + 1);
        }
    }
    // The first one is closed: nothing of it is sent before it was opened again.
    assert!(entries[0].begins_unchecked());
    assert!(from_file(&mut entries[0].reader(0)).is_empty());
    // Who reads it has it open, although others took its place and it was removed.
    let mut reader = entries[0].reader(0);
    let begun = block_on(|cx| reader.poll_next(cx)).expect("it can be read");
    let begun = begun.expect("it does not end yet").len();
    for entry in &entries[1..] {
        assert!(read(entry.reader(0)).expect("whole") == body);
    }
    assert_eq!(open_objects(folder.path()), OPEN + 1);
    assert_eq!(
        cache.change(&EntrySelector::All, EntryChange::Remove),
        OBJECTS
    );
    assert!(cache.flush(WAIT));
    assert_eq!(objects(folder.path()), 0);
    let mut rest = from_file(&mut reader);
    rest.extend(read(reader).expect("it is open"));
    assert!(rest == body[begun..]);
    // One that is closed and gone cannot be read any more, and says so.
    assert!(entries[1].begins_unchecked() && read(entries[1].reader(0)).is_err());
}
