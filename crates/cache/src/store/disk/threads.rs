//! The disk store's threads: one that writes, a few that read, and one at the start that removes what nobody knows.

use std::collections::HashSet;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};

use super::format::Record;
use super::owner::DiskOwner;
use super::queue::lock;
use super::read_error::ReadError;
use super::read_job::ReadJob;
use super::reader::DiskBody;
use super::store::Disk;
use super::writer::Writer;
use crate::body::{BLOCK, BodyReadError, MemoryBody};
use crate::entry::Entry;
use crate::key::Key;

const READERS: usize = 2;
/// Bodies up to this length are read at once and kept in memory,
pub(crate) const READ_WHOLE: u64 = 256 * 1024;
/// where they are at most this part of it: a larger one could leave before it is used.
const READ_WHOLE_PART: u64 = 16;

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
    let mut writer = Writer::new(disk.clone(), cache.clone());
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
    let sweeping = disk.clone();
    // A damaged index does not know all objects, or it is under another key.
    let is_whole = disk.counts.damaged.load(Ordering::Relaxed) == 0;
    if let Some(folder) = folder {
        threads.push(named("cache-sweep").spawn(move || {
            // What cannot be removed now is tried again at the next start.
            let _ = folder.sweep(&known, before, is_whole.then_some(&sweeping.next_id));
        })?);
    }
    Ok(threads)
}

fn named(name: &str) -> thread::Builder {
    thread::Builder::new().name(name.to_owned())
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
                blocks,
                record,
                first,
                count,
                slot,
            } => {
                let Some(cache) = self.cache.upgrade() else {
                    slot.put(Err(BodyReadError::Io));
                    return;
                };
                let read = blocks.read(first, count, cache.budget());
                slot.put(read.map_err(|error| self.broken(&*cache, record.as_ref(), &error)));
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
                self.broken(&*cache, Some(record), &error);
            }
        }
    }

    fn read(&self, cache: &Arc<dyn DiskOwner>, record: &Arc<Record>) -> Result<Entry, ReadError> {
        let folder = lock(&self.disk.folder).clone();
        let folder = folder.ok_or_else(|| ReadError::Io(io::ErrorKind::NotFound.into()))?;
        let (object, description) = folder.open_object(record, cache.policy())?;
        let trailers = super::codec::owned(&description.trailers);
        let most = READ_WHOLE.min(cache.budget().limit() / READ_WHOLE_PART);
        if record.body_len <= most {
            let blocks = object
                .blocks
                .read(0, READ_WHOLE / BLOCK as u64, cache.budget())?;
            let body = MemoryBody::new(blocks.into_iter(), trailers);
            return Ok(Entry::restored(description, Ok(body)));
        }
        let reads = self.disk.reads.clone();
        let body = DiskBody::new(object.blocks, Some(object.record), reads, trailers);
        Ok(Entry::restored(description, Err(body)))
    }

    /// The object is of no use any more.
    fn broken(
        &self,
        cache: &dyn DiskOwner,
        record: Option<&Arc<Record>>,
        error: &ReadError,
    ) -> BodyReadError {
        if let Some(record) = record {
            cache.lost(record);
        }
        match error {
            ReadError::Damaged(_) => {
                self.disk.counts.damaged.fetch_add(1, Ordering::Relaxed);
                BodyReadError::Corrupt
            }
            ReadError::Io(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    self.disk.failed("read from", error);
                }
                BodyReadError::Io
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
            writer: Writer::new(disk.clone(), cache.clone()),
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
