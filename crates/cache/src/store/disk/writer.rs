//! The thread that writes: objects, bodies that arrive, and the index.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;

use super::description::Description;
use super::files::Folder;
use super::format::{IndexChange, Record, short_hash};
use super::log::IndexLog;
use super::owner::DiskOwner;
use super::queue::lock;
use super::read_error::ReadError;
use super::reader::DiskBody;
use super::spill::{Spill, SpillObserver};
use super::store::Disk;
use super::write_job::{SpillJob, WriteJob};
use crate::entry::Entry;
use crate::incoming::Incoming;
use crate::key::Key;
use crate::rules::invalidation;

/// Writes objects and the index.
pub(super) struct Writer {
    pub(super) disk: Arc<Disk>,
    pub(super) cache: Weak<dyn DiskOwner>,
    /// None until the first change, and after a failure: it is then written anew.
    log: Option<IndexLog>,
    /// The index on disk lacks a change.
    is_behind: bool,
}

impl Writer {
    pub(super) fn new(disk: Arc<Disk>, cache: Weak<dyn DiskOwner>) -> Writer {
        Writer {
            disk,
            cache,
            log: None,
            is_behind: false,
        }
    }

    pub(super) fn run(&mut self) {
        while let Some(job) = self.disk.writes.pop() {
            self.work(job);
        }
    }

    pub(super) fn work(&mut self, job: WriteJob) {
        let job = match job {
            WriteJob::Flush(flushed) => return flushed.set(self.catch_up()),
            WriteJob::Spill(job) => return self.spill(job),
            job => job,
        };
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
            WriteJob::StoreParts { key, entry } => self.store_parts(key, &entry),
            WriteJob::StorePart { key, parts, range } => self.store_part(key, &parts, range),
            WriteJob::Update { record, entry } => self.update(&folder, &record, &entry),
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
            WriteJob::Flush(_) | WriteJob::Spill(_) => Ok(()),
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
        let description = entry.description(body.len());
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
        self.written(record)
    }

    /// An object is in the cache: it is noted in the index.
    pub(super) fn written(&mut self, record: Arc<Record>) -> io::Result<()> {
        self.append(IndexChange::Put(record))?;
        self.disk.counts.written.fetch_add(1, Ordering::Relaxed);
        self.disk.works();
        if let Some(cache) = self.cache.upgrade() {
            cache.make_disk_room();
        }
        Ok(())
    }

    fn update(&mut self, folder: &Folder, old: &Arc<Record>, entry: &Entry) -> io::Result<()> {
        let Some(cache) = self.cache.upgrade() else {
            return Ok(());
        };
        let description = entry.description(old.body_len);
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

/// Bodies that arrive.
impl Writer {
    fn spill(&mut self, job: SpillJob) {
        match job {
            SpillJob::Block { body, spill, block } => {
                if spill.has_ended() {
                    return;
                }
                match self.write_block(&spill, &block) {
                    Ok(true) => body.spilled(),
                    Ok(false) => self.give_up(&*body, &spill),
                    Err(error) => {
                        self.disk.failed("write to", &error);
                        self.give_up(&*body, &spill);
                    }
                }
            }
            SpillJob::Abandon { spill } => self.abandon(&spill),
            SpillJob::FinishPart {
                key,
                parts,
                body,
                spill,
            } => self.finish_part(key, &parts, &body, &spill),
            SpillJob::Finish {
                key,
                body,
                spill,
                trailers,
                took,
            } => {
                let finished = self.finish(key, &body, &spill, trailers, took);
                self.disk.uncount_spilled(&spill);
                let noted = match finished {
                    Ok(Some(record)) => self.written(record),
                    not => {
                        self.abandon(&spill);
                        if let Some(cache) = self.cache.upgrade() {
                            cache.not_arrived(key, &body);
                        }
                        not.map(|_| ())
                    }
                };
                if let Err(error) = noted {
                    self.fall_behind();
                    self.disk.failed("write to", &error);
                }
            }
        }
    }

    /// False where there is no room for it, or writing pauses.
    pub(super) fn write_block(&mut self, spill: &Spill, block: &[u8]) -> io::Result<bool> {
        if self.disk.is_paused() {
            return Ok(false);
        }
        let folder = self.ready()?;
        self.disk.count_spilled(spill, block.len() as u64);
        if let Some(cache) = self.cache.upgrade() {
            cache.make_disk_room();
        }
        if self.disk.is_over_limit() {
            return Ok(false);
        }
        spill.write(&folder, block)?;
        Ok(true)
    }

    fn give_up(&self, body: &dyn SpillObserver, spill: &Spill) {
        self.disk.counts.skipped.fetch_add(1, Ordering::Relaxed);
        self.abandon(spill);
        body.not_spilled();
    }

    pub(super) fn abandon(&self, spill: &Spill) {
        let folder = lock(&self.disk.folder).clone();
        spill.abandon(folder.as_deref());
        self.disk.uncount_spilled(spill);
    }

    /// Makes a body that has arrived an object. None where the cache does not want it any more, or it was given up.
    fn finish(
        &mut self,
        key: Key,
        body: &Incoming,
        spill: &Spill,
        trailers: Bytes,
        took: Duration,
    ) -> io::Result<Option<Arc<Record>>> {
        let Some(cache) = self.cache.upgrade().filter(|_| !spill.has_ended()) else {
            return Ok(None);
        };
        let Some(entry) = cache.arrived(key, body, took) else {
            return Ok(None);
        };
        self.ready()?;
        let mut description = entry.description(spill.len());
        description.trailers = trailers.to_vec();
        let (blocks, tail_at, len) = spill.finish(&description)?;
        let record = Arc::new(record_of(&description, spill.id, tail_at, len));
        let reads = self.disk.reads.clone();
        let on_disk = DiskBody::new(blocks, Some(record.clone()), reads, trailers);
        if !cache.install_arrived(key, body, &entry, on_disk, &record) {
            return Ok(None);
        }
        Ok(Some(record))
    }
}

pub(super) fn record_of(
    description: &Description,
    id: u64,
    tail_at: u64,
    description_len: u32,
) -> Record {
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
