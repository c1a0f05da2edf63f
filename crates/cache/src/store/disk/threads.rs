//! The disk store's threads: one that writes, a few that read, and one at the start that removes what nobody knows.

use std::collections::HashSet;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};

use super::files::{Folder, ReadError};
use super::format::{Description, IndexChange, Record, short_hash};
use super::log::IndexLog;
use super::owner::DiskOwner;
use super::queue::lock;
use super::read_job::ReadJob;
use super::reader::DiskBody;
use super::store::Disk;
use super::write_job::WriteJob;
use crate::body::{BLOCK, Broken, MemoryBody};
use crate::entry::Entry;
use crate::key::Key;
use crate::rules::invalidation;

const READERS: usize = 2;
/// Bodies up to this length are read at once and kept in memory.
pub(crate) const READ_WHOLE: u64 = 256 * 1024;

impl Disk {
    /// Starts its threads. `known` are the objects of the index; others of the same age are removed.
    pub(crate) fn start(self: &Arc<Self>, cache: &Weak<dyn DiskOwner>, known: HashSet<u64>) {
        match start(self, cache, known) {
            Ok(threads) => lock(&self.threads).extend(threads),
            Err(error) => self.failed("use", &error),
        }
    }
}

/// Starts them. They end when their queues are closed, after what was handed in.
fn start(
    disk: &Arc<Disk>,
    cache: &Weak<dyn DiskOwner>,
    known: HashSet<u64>,
) -> io::Result<Vec<JoinHandle<()>>> {
    let mut writer = Writer {
        disk: disk.clone(),
        cache: cache.clone(),
        log: None,
        is_behind: false,
    };
    let mut threads = vec![named("cache-write").spawn(move || writer.run())?];
    for _ in 0..READERS {
        let reader = Reader {
            disk: disk.clone(),
            cache: cache.clone(),
        };
        threads.push(named("cache-read").spawn(move || reader.run())?);
    }
    let folder = lock(&disk.folder).clone();
    let before = disk.next_id.load(Ordering::Relaxed);
    if let Some(folder) = folder {
        threads.push(named("cache-sweep").spawn(move || {
            // What cannot be removed now is tried again at the next start.
            let _ = folder.sweep(&known, before);
        })?);
    }
    Ok(threads)
}

fn named(name: &str) -> thread::Builder {
    thread::Builder::new().name(name.to_owned())
}

struct Writer {
    disk: Arc<Disk>,
    cache: Weak<dyn DiskOwner>,
    /// None until the first change, and after a failure: it is then written anew.
    log: Option<IndexLog>,
    /// The index on disk lacks a change.
    is_behind: bool,
}

impl Writer {
    fn run(&mut self) {
        while let Some(job) = self.disk.writes.pop() {
            self.work(job);
        }
    }

    fn work(&mut self, job: WriteJob) {
        if let WriteJob::Flush(flushed) = job {
            flushed.set(self.catch_up());
            return;
        }
        if self.disk.is_paused() {
            self.disk.counts.skipped.fetch_add(1, Ordering::Relaxed);
            self.fall_behind();
            return;
        }
        if let Err(error) = self.handle(job) {
            self.fall_behind();
            self.disk.failed("write to", &error);
        }
    }

    /// The index has to be written anew: it lacks a change.
    fn fall_behind(&mut self) {
        self.log = None;
        self.is_behind = true;
    }

    /// Writes the index where it lacks a change, also while writing pauses. Says whether it lacks none.
    fn catch_up(&mut self) -> bool {
        if self.is_behind
            && let Err(error) = self.open_index()
        {
            self.disk.failed("write to", &error);
        }
        !self.is_behind
    }

    fn handle(&mut self, job: WriteJob) -> io::Result<()> {
        let folder = self.ready()?;
        match job {
            WriteJob::Store { key, entry } => self.store(&folder, key, &entry),
            WriteJob::Update { key, record, entry } => self.update(&folder, key, &record, &entry),
            WriteJob::Change { key, id } => {
                let cache = self.cache.upgrade();
                match cache.and_then(|cache| cache.record(key, id)) {
                    Some(record) => self.append(IndexChange::Put(record)),
                    None => Ok(()),
                }
            }
            WriteJob::Remove { id } => {
                self.append(IndexChange::Remove(id))?;
                folder.remove(id);
                Ok(())
            }
            WriteJob::Flush(_) => Ok(()),
        }
    }

    /// The folder, with an index to append to. Objects can be written there again where the index was written anew.
    fn ready(&mut self) -> io::Result<Arc<Folder>> {
        let (folder, is_new) = self.open_index()?;
        if is_new {
            self.disk.works();
        }
        Ok(folder)
    }

    /// The folder, with an index to append to, and whether that was written anew.
    fn open_index(&mut self) -> io::Result<(Arc<Folder>, bool)> {
        let mut slot = lock(&self.disk.folder);
        let folder = match &*slot {
            Some(folder) => folder.clone(),
            None => {
                let settings = &self.disk.settings;
                let folder = Arc::new(Folder::open(&settings.folder, settings.key.clone())?);
                *slot = Some(folder.clone());
                folder
            }
        };
        drop(slot);
        let gone = !folder.path().join("index").exists();
        let live = self.disk.entries.load(Ordering::Relaxed);
        let is_stale = gone || self.log.as_ref().is_none_or(|log| log.is_long(live));
        if is_stale {
            super::files::create_folder(&folder.path().join("objects"))?;
            let records = self.cache.upgrade().map(|cache| cache.records());
            let Some(records) = records else {
                return Err(io::Error::other("the cache ends"));
            };
            self.log = Some(IndexLog::create(&folder, &records)?);
            self.is_behind = false;
        }
        Ok((folder, is_stale))
    }

    fn append(&mut self, change: IndexChange) -> io::Result<()> {
        match &mut self.log {
            Some(log) => log.append(&[change]),
            None => Ok(()),
        }
    }

    fn store(&mut self, folder: &Folder, key: Key, entry: &Entry) -> io::Result<()> {
        let Some(body) = entry.memory_body() else {
            return Ok(());
        };
        let description = entry.description(key, body.len());
        let id = self.disk.next_id.fetch_add(1, Ordering::Relaxed);
        let (tail_at, description_len) = folder.write(id, &description, body.blocks())?;
        let record = Arc::new(record_of(&description, id, tail_at, description_len));
        let kept = self
            .cache
            .upgrade()
            .is_none_or(|cache| cache.written(key, entry, &record));
        if !kept {
            folder.remove(id);
            return Ok(());
        }
        self.append(IndexChange::Put(record))?;
        self.disk.counts.written.fetch_add(1, Ordering::Relaxed);
        self.disk.works();
        if let Some(cache) = self.cache.upgrade() {
            cache.make_disk_room();
        }
        Ok(())
    }

    fn update(
        &mut self,
        folder: &Folder,
        key: Key,
        old: &Arc<Record>,
        entry: &Entry,
    ) -> io::Result<()> {
        let Some(cache) = self.cache.upgrade() else {
            return Ok(());
        };
        let description = entry.description(key, old.body_len);
        let (tail_at, len) = match folder.append_tail(old, &description, cache.policy()) {
            Ok(written) => written,
            Err(ReadError::Io(error)) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error);
            }
            // It was evicted meanwhile, or it is damaged.
            Err(_) => {
                cache.lost(old);
                return Ok(());
            }
        };
        let new = Arc::new(Record {
            pinned: old.pinned,
            ..record_of(&description, old.id, tail_at, len)
        });
        if cache.rerecord(old, &new) {
            self.append(IndexChange::Put(new))?;
        }
        Ok(())
    }
}

fn record_of(description: &Description, id: u64, tail_at: u64, description_len: u32) -> Record {
    let tags = invalidation::tags_and_groups(&description.head.fields());
    Record {
        id,
        key: description.key,
        body_len: description.body_len,
        tail_at,
        description_len,
        owner: description.owner,
        page: description.page,
        status: description.head.status,
        generated: description.head.generated,
        fresh_for: description.head.lifetime.fresh_for,
        variant: short_hash(&description.head.vary_key),
        invalidated: false,
        pinned: false,
        url: description.url.clone(),
        tags: tags.iter().map(|tag| short_hash(tag.as_bytes())).collect(),
    }
}

struct Reader {
    disk: Arc<Disk>,
    cache: Weak<dyn DiskOwner>,
}

impl Reader {
    fn run(&self) {
        while let Some(job) = self.disk.reads.pop() {
            self.work(job);
        }
    }

    fn work(&self, job: ReadJob) {
        match job {
            ReadJob::Load { key, records, load } => {
                for record in records {
                    self.load(key, &record);
                }
                if let Some(cache) = self.cache.upgrade() {
                    cache.loaded(key, &load);
                }
                load.finish();
            }
            ReadJob::Blocks {
                object,
                first,
                count,
                slot,
            } => {
                let Some(cache) = self.cache.upgrade() else {
                    slot.put(Err(Broken::Io));
                    return;
                };
                let read = object.read_blocks(first, count, cache.budget());
                slot.put(read.map_err(|error| self.broken(&*cache, &object.record, &error)));
            }
        }
    }

    fn load(&self, key: Key, record: &Arc<Record>) {
        let Some(cache) = self.cache.upgrade() else {
            return;
        };
        match self.read(&cache, record) {
            Ok(entry) => cache.install(key, record, entry),
            Err(error) => {
                self.broken(&*cache, record, &error);
            }
        }
    }

    fn read(&self, cache: &Arc<dyn DiskOwner>, record: &Arc<Record>) -> Result<Entry, ReadError> {
        let folder = lock(&self.disk.folder).clone();
        let folder = folder.ok_or_else(|| ReadError::Io(io::ErrorKind::NotFound.into()))?;
        let (object, description) = folder.open_object(record, cache.policy())?;
        let trailers = super::codec::owned(&description.trailers);
        if record.body_len <= READ_WHOLE {
            let blocks = object.read_blocks(0, READ_WHOLE / BLOCK as u64, cache.budget())?;
            let body = MemoryBody::new(blocks.into_iter(), trailers);
            return Ok(Entry::restored(description, Ok(body)));
        }
        let body = DiskBody::new(Arc::new(object), self.disk.reads.clone(), trailers);
        Ok(Entry::restored(description, Err(body)))
    }

    /// The object is of no use any more.
    fn broken(&self, cache: &dyn DiskOwner, record: &Arc<Record>, error: &ReadError) -> Broken {
        cache.lost(record);
        match error {
            ReadError::Damaged(_) => {
                self.disk.counts.damaged.fetch_add(1, Ordering::Relaxed);
                Broken::Corrupt
            }
            ReadError::Io(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    self.disk.failed("read from", error);
                }
                Broken::Io
            }
        }
    }
}

/// The threads' work, done by a test when it wants.
#[cfg(test)]
pub(crate) struct Pump {
    writer: Writer,
    reader: Reader,
}

#[cfg(test)]
impl Pump {
    pub(crate) fn new(disk: &Arc<Disk>, cache: &Weak<dyn DiskOwner>) -> Pump {
        Pump {
            writer: Writer {
                disk: disk.clone(),
                cache: cache.clone(),
                log: None,
                is_behind: false,
            },
            reader: Reader {
                disk: disk.clone(),
                cache: cache.clone(),
            },
        }
    }

    pub(crate) fn write(&mut self, most: u64) {
        for _ in 0..most {
            let Some(job) = self.writer.disk.writes.try_pop() else {
                return;
            };
            self.writer.work(job);
        }
    }

    pub(crate) fn read(&mut self) {
        while let Some(job) = self.reader.disk.reads.try_pop() {
            self.reader.work(job);
        }
    }
}
