//! The whole store against a model, through random histories with restarts and damage.
//!
//! `PRIVET_HISTORIES` sets how many are run, `PRIVET_SEED` where they begin.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::task::Poll;

use tempfile::TempDir;

use crate::body::BodyReadError;
use crate::body_reader::BodyReader;
use crate::budget::Pools;
use crate::cache::{Cache, CacheSettings};
use crate::key::KeySecret;
use crate::lookup::{Lookup, LookupAttempt};
use crate::purge::{EntryChange, EntrySelector};
use crate::rules::policy::Policy;
use crate::store::disk::owner::DiskOwner;
use crate::store::disk::seal::DiskKey;
use crate::store::disk::store::DiskSettings;
use crate::store::disk::threads::Pump;
use crate::testing::*;

const PATHS: [&str; 5] = ["/0", "/1", "/2", "/3", "/4"];

/// What a version's body is.
fn body_of(version: u64, len: usize) -> Vec<u8> {
    let mut dice = Dice::new(version + 1);
    let pattern: Vec<u8> = (0..61).map(|_| dice.roll(256) as u8).collect();
    pattern.iter().copied().cycle().take(len).collect()
}

/// One version of a response.
#[derive(Clone, Copy)]
struct Version {
    number: u64,
    len: usize,
}

struct History {
    dice: Dice,
    folder: PathBuf,
    settings: CacheSettings,
    cache: Arc<Cache>,
    pump: Pump,
    /// The versions that may answer for each path: the newest one, none once it was purged. Misses are always allowed.
    model: HashMap<&'static str, Vec<Version>>,
    /// The versions since all changes were on disk. A process that is killed may lose the later ones, and purges.
    on_disk: HashMap<&'static str, Vec<Version>>,
    versions: u64,
    hits: u64,
}

/// Bytes of the disk.
const DISK: u64 = 4 << 20;

/// The disk's work, done when the test wants.
fn pump_of(cache: &Arc<Cache>) -> Pump {
    let owner: Weak<dyn DiskOwner> = Arc::<Cache>::downgrade(cache);
    Pump::new(cache.disk().expect("a disk"), &owner)
}

impl History {
    fn new(seed: u64, folder: &Path) -> History {
        let mut dice = Dice::new(seed);
        let key = (dice.roll(3) == 0).then(|| DiskKey::new([dice.roll(256) as u8; 32]));
        let settings = CacheSettings {
            policy: Policy::shared(),
            memory: 1 << 22,
            disk: Some(DiskSettings {
                folder: folder.to_owned(),
                limit: DISK,
                key,
            }),
        };
        let (cache, _) = Cache::build(
            &Pools::new(settings.memory, DISK),
            settings.clone(),
            KeySecret([7; 16]),
        );
        let pump = pump_of(&cache);
        History {
            dice,
            folder: folder.to_owned(),
            settings,
            cache,
            pump,
            model: HashMap::new(),
            on_disk: HashMap::new(),
            versions: 0,
            hits: 0,
        }
    }

    fn step(&mut self) {
        let path = PATHS[self.dice.roll(PATHS.len() as u64) as usize];
        match self.dice.roll(20) {
            0..5 => self.put(path),
            5..12 => self.get(path),
            12 => self.purge(path),
            13 => {
                let steps = self.dice.roll(4);
                self.pump.write(steps);
            }
            14 => self.write_all(),
            15 => {
                // Everything leaves the memory.
                self.cache.set_memory(0);
                self.cache.set_memory(1 << 22);
            }
            16 => self.validate(path),
            17 => self.restart(),
            18 => self.damage(true),
            _ => self.damage(false),
        }
    }

    fn put(&mut self, path: &'static str) {
        let Some(permit) = self.lead(path) else {
            return;
        };
        self.versions += 1;
        let len = match self.dice.roll(20) {
            0 => 300_000,
            1..=3 => 65_536,
            4 => 0,
            _ => self.dice.roll(3000) as usize,
        };
        let version = Version {
            number: self.versions,
            len,
        };
        let number = version.number.to_string();
        let head = get(path).head(&[("Cache-Control", "max-age=60"), ("X-Version", &number)]);
        self.model.remove(path);
        let body = body_of(version.number, len);
        let new = get(path).new_entry();
        if permit.takes_whole(len) && self.dice.roll(2) == 0 {
            permit.store_whole(head, &new, &body);
            self.model.insert(path, vec![version]);
            self.on_disk.entry(path).or_default().push(version);
            return;
        }
        let (_, mut writer) = permit.store(head, &new);
        let cut = if self.dice.roll(8) == 0 { len / 2 } else { len };
        writer.push(&body[..cut]).expect("any length");
        if self.dice.roll(8) == 0 {
            // What breaks off is not an answer.
            writer.abort();
        } else if cut == len {
            writer.finish(b"").expect("any length");
            self.model.insert(path, vec![version]);
            self.on_disk.entry(path).or_default().push(version);
        }
    }

    /// Everything reaches the disk.
    fn write_all(&mut self) {
        self.pump.write(u64::MAX);
        self.on_disk.clone_from(&self.model);
    }

    /// The permit to fetch a path, by purging what is there.
    fn lead(&mut self, path: &'static str) -> Option<crate::FillPermit> {
        if self.dice.roll(2) == 0 {
            self.purge(path);
        }
        let head = &[("Cache-Control", "no-cache")];
        let request = Get {
            path,
            headers: head,
        };
        match self.look_up(&request) {
            Lookup::Lead { permit, .. } | Lookup::Validate { permit, .. } => Some(permit),
            _ => None,
        }
    }

    fn look_up(&mut self, request: &Get<'_>) -> Lookup {
        match request.ask(&self.cache, LookupAttempt::First, 0) {
            Lookup::Load(mut loading) => {
                self.pump.read();
                let Poll::Ready(attempt) = loading.poll(&mut noop()) else {
                    panic!("it was read");
                };
                request.ask(&self.cache, attempt, 0)
            }
            other => other,
        }
    }

    fn get(&mut self, path: &'static str) {
        let Lookup::Hit { entry, .. } = self.look_up(&get(path)) else {
            return;
        };
        let number = entry
            .head()
            .get("x-version")
            .expect("each has one")
            .to_vec();
        let allowed = self.model.get(path).cloned().unwrap_or_default();
        let version = allowed
            .iter()
            .find(|version| version.number.to_string().as_bytes() == number);
        let version = version.expect("a version that is not the path's, or was replaced or purged");
        let expected = body_of(version.number, version.len);
        let mut body = Vec::new();
        match self.read(entry.reader(0), &mut body) {
            Ok(()) => assert!(body == expected, "another body"),
            Err(broken) => {
                assert!(matches!(broken, BodyReadError::Corrupt | BodyReadError::Io));
                assert!(expected.starts_with(&body), "a damaged body was given");
            }
        }
        self.hits += 1;
    }

    fn read(&mut self, mut reader: BodyReader, body: &mut Vec<u8>) -> Result<(), BodyReadError> {
        loop {
            match reader.poll_next(&mut noop()) {
                Poll::Ready(Ok(Some(piece))) => body.extend_from_slice(&piece),
                Poll::Ready(Ok(None)) => return Ok(()),
                Poll::Ready(Err(broken)) => return Err(broken),
                Poll::Pending => self.pump.read(),
            }
        }
    }

    fn purge(&mut self, path: &'static str) {
        let url = format!("http://origin.test{path}");
        self.cache
            .change(&EntrySelector::Url(&url), EntryChange::Remove);
        self.model.remove(path);
    }

    fn validate(&mut self, path: &'static str) {
        let request = Get {
            path,
            headers: &[("Cache-Control", "no-cache")],
        };
        if let Lookup::Validate { entry, permit, .. } = self.look_up(&request) {
            permit
                .not_modified(entry.head().clone())
                .expect("it was validated");
        }
    }

    /// Ends the process, at times without writing what waits to be written, and starts another one.
    fn restart(&mut self) {
        if self.dice.roll(2) == 0 {
            self.write_all();
        } else {
            self.model.clone_from(&self.on_disk);
        }
        self.cache.close();
        let (cache, _) = Cache::build(
            &Pools::new(self.settings.memory, DISK),
            self.settings.clone(),
            KeySecret([7; 16]),
        );
        assert_eq!(cache.stats().disk.expect("a disk").problem, None);
        self.pump = pump_of(&cache);
        self.cache = cache;
    }

    /// Flips a bit of a file, or cuts its end off.
    fn damage(&mut self, flips: bool) {
        let mut found = Vec::new();
        files(&self.folder, &mut found);
        found.retain(|path| path.file_name().is_some_and(|name| name != "lock"));
        found.sort();
        if found.is_empty() {
            return;
        }
        let path = &found[self.dice.roll(found.len() as u64) as usize];
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .expect("it exists");
        let len = file.metadata().expect("it exists").len();
        if len == 0 {
            return;
        }
        let at = self.dice.roll(len);
        if flips {
            let mut byte = [0];
            file.seek(SeekFrom::Start(at)).expect("within it");
            file.read_exact(&mut byte).expect("within it");
            byte[0] ^= 1 << self.dice.roll(8);
            file.seek(SeekFrom::Start(at)).expect("within it");
            file.write_all(&byte).expect("it can be written");
        } else {
            file.set_len(at).expect("it can be cut");
        }
    }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// A folder in memory where there is one.
fn scratch() -> TempDir {
    TempDir::new_in("/dev/shm")
        .or_else(|_| TempDir::new())
        .expect("a folder")
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn no_history_gives_a_body_that_was_not_stored_for_its_key_and_version() {
    let histories = number("PRIVET_HISTORIES").unwrap_or(300);
    let first = number("PRIVET_SEED").unwrap_or(1);
    let mut hits = 0;
    for seed in first..first + histories {
        let folder = scratch();
        let run = std::panic::AssertUnwindSafe(|| {
            let mut history = History::new(seed, folder.path());
            (0..40).for_each(|_| history.step());
            history.hits
        });
        match std::panic::catch_unwind(run) {
            Ok(found) => hits += found,
            Err(panic) => {
                eprintln!("PRIVET_SEED={seed} PRIVET_HISTORIES=1 shows it");
                std::panic::resume_unwind(panic);
            }
        }
    }
    eprintln!("{histories} histories from seed {first}, {hits} hits");
    assert!(hits > histories, "the histories have hits");
}
