//! How bodies that arrive reach the writing thread.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::spill::{Spill, SpillObserver, SpillTarget};
use super::store::Disk;
use super::write_job::{SpillJob, WriteJob};

/// A disk, for bodies of up to `most` bytes.
#[derive(Debug)]
pub(crate) struct DiskTarget {
    pub(crate) disk: Arc<Disk>,
    pub(crate) most: u64,
}

impl SpillTarget for DiskTarget {
    fn most(&self) -> u64 {
        self.most
    }

    fn begin(&self, len: u64) -> Option<Arc<Spill>> {
        let can = len <= self.most && !self.disk.is_paused();
        can.then(|| {
            let id = self.disk.next_id.fetch_add(1, Ordering::Relaxed);
            Arc::new(Spill::new(id, self.disk.reads.clone()))
        })
    }

    fn block(&self, body: Arc<dyn SpillObserver>, spill: Arc<Spill>, block: Bytes) -> bool {
        let job = SpillJob::Block { body, spill, block };
        self.disk.spill(job)
    }

    fn abandon(&self, spill: Arc<Spill>) {
        // What is not handed in any more is removed at the next start.
        let _ = self.disk.spill(SpillJob::Abandon { spill });
    }

    fn hangs(&self) {
        let error = io::Error::new(io::ErrorKind::TimedOut, "it does not answer");
        self.disk.failed("write to", &error);
    }
}

impl Disk {
    /// Hands in a job for a body that arrives. False where the disk takes none any more.
    pub(crate) fn spill(&self, job: SpillJob) -> bool {
        self.writes.push_if_open(WriteJob::Spill(job))
    }
}
