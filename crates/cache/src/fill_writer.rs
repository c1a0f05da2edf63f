//! Receives the body of an entry that others may read meanwhile.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use crate::cache::Cache;
use crate::entry::Entry;
use crate::incoming::{Gone, Incoming, IncomingWriter, Incomplete, Received};
use crate::key::Key;
use crate::shared::SharedFill;
use crate::store::disk::write_job::SpillJob;

/// Writes the body of an entry. Dropping it aborts the body and takes the entry out of the store.
#[derive(Debug)]
pub struct FillWriter {
    pub(crate) cache: Arc<Cache>,
    pub(crate) key: Key,
    pub(crate) entry: Entry,
    /// None once it is finished.
    pub(crate) writer: Option<IncomingWriter>,
    pub(crate) body: Incoming,
    pub(crate) shared: Option<Box<SharedFill>>,
    pub(crate) started: Instant,
}

impl FillWriter {
    /// Waits until more of the body is wanted.
    ///
    /// # Errors
    ///
    /// [`Gone`] where it is not stored and nobody reads it.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        match &mut self.writer {
            Some(writer) => writer.poll_ready(cx),
            None => Poll::Ready(Err(Gone)),
        }
    }

    /// Waits until nobody reads it.
    pub fn poll_unread(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.writer {
            Some(writer) => writer.poll_unread(cx),
            None => Poll::Ready(()),
        }
    }

    /// Bytes that are on disk, where the body waits for the disk to write more.
    pub fn waits_for_disk(&self) -> Option<u64> {
        self.writer.as_ref().and_then(IncomingWriter::waits_at)
    }

    /// Goes on without the disk, which does not write: the body is not stored, nor are others for a while.
    pub fn leave_disk(&self) {
        if let Some(writer) = &self.writer {
            writer.leave_disk();
        }
    }

    /// How many read it now.
    pub fn readers(&self) -> usize {
        self.writer.as_ref().map_or(0, IncomingWriter::readers)
    }

    /// Appends a copy of `data`.
    ///
    /// # Errors
    ///
    /// Where the body becomes longer than announced. It is aborted then.
    pub fn push(&mut self, data: &[u8]) -> Result<(), Incomplete> {
        let Some(writer) = &mut self.writer else {
            return Err(Incomplete::TooLong);
        };
        if writer.is_in_memory() {
            self.cache.make_room(data.len() as u64);
        }
        writer.push(data)
    }

    /// Completes the body: from now on the entry answers until it leaves the store.
    ///
    /// # Errors
    ///
    /// Where it is shorter than announced. It is aborted then.
    pub fn finish(mut self, trailers: &[u8]) -> Result<(), Incomplete> {
        let Some(writer) = self.writer.take() else {
            return Ok(());
        };
        let finished = writer.finish(trailers);
        match &finished {
            Ok(Received::InMemory(body)) => {
                let took = self.started.elapsed();
                let stored = match self.entry.parts() {
                    Some(parts) => {
                        self.cache.complete_part(self.key, parts, &self.body, body);
                        None
                    }
                    None => self.cache.complete(self.key, &self.body, body, took),
                };
                if let (Some(shared), Some(entry)) = (self.shared.take(), stored) {
                    shared.put(&entry);
                }
            }
            Ok(Received::OnDisk(spill, trailers)) => {
                let (key, body, spill) = (self.key, self.body.clone(), spill.clone());
                let job = match self.entry.parts() {
                    Some(parts) => SpillJob::FinishPart {
                        key,
                        parts: parts.clone(),
                        body,
                        spill,
                    },
                    None => SpillJob::Finish {
                        key,
                        body,
                        spill,
                        trailers: trailers.clone(),
                        took: self.started.elapsed(),
                    },
                };
                let disk = self.cache.disk();
                if !disk.is_some_and(|disk| disk.spill(job)) {
                    self.drop_body();
                }
            }
            Ok(Received::NotKept) | Err(_) => self.drop_body(),
        }
        finished.map(|_| ())
    }

    /// Ends the body before its end.
    pub fn abort(self) {}

    /// What was received is of no use.
    fn drop_body(&self) {
        match self.entry.parts() {
            Some(parts) => self.cache.drop_part(self.key, parts, &self.body),
            None => self.cache.drop_incoming(self.key, &self.body),
        }
    }

    /// The entry whose body this is.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }
}

impl Drop for FillWriter {
    fn drop(&mut self) {
        if let Some(writer) = self.writer.take() {
            writer.abort();
            self.drop_body();
        }
    }
}
