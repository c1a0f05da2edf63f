//! What the disk's threads need of the cache whose entries they write and read.

use std::sync::Arc;
use std::time::Duration;

use super::format::Record;
use super::load::Load;
use super::reader::DiskBody;
use crate::budget::Budget;
use crate::entry::Entry;
use crate::incoming::Incoming;
use crate::key::Key;
use crate::parts::Parts;
use crate::rules::policy::Policy;

/// The index that the files belong to.
pub(crate) trait DiskOwner: Send + Sync {
    fn policy(&self) -> &Policy;

    fn budget(&self) -> &Arc<Budget>;

    /// An entry was read from its file.
    fn install(&self, key: Key, record: &Arc<Record>, entry: Entry);

    /// All of a key's entries were read.
    fn loaded(&self, key: Key, load: &Arc<Load>);

    /// An object cannot be read any more.
    fn lost(&self, record: &Arc<Record>);

    /// An entry has a file now. False where the entry is not in the cache any more.
    fn written(&self, key: Key, entry: &Entry, record: &Arc<Record>) -> bool;

    /// The entry whose body has arrived, as it is going to be with this fetch time; none where it left the cache.
    fn arrived(&self, key: Key, body: &Incoming, took: Duration) -> Option<Entry>;

    /// The body that has arrived has a file now, which describes `entry`. False where it left the cache meanwhile.
    fn install_arrived(
        &self,
        key: Key,
        body: &Incoming,
        entry: &Entry,
        on_disk: DiskBody,
        record: &Arc<Record>,
    ) -> bool;

    /// The parts of this entry, which are the whole, are one body on disk now. False where they left the cache meanwhile.
    fn install_parts(
        &self,
        key: Key,
        entry: &Entry,
        on_disk: DiskBody,
        record: &Arc<Record>,
    ) -> bool;

    /// The part that has arrived is in a file.
    fn part_arrived(&self, key: Key, parts: &Parts);

    /// A part that was in memory is in a file.
    fn part_moved(&self, key: Key, parts: &Parts);

    /// The part that has arrived could not be kept.
    fn part_not_arrived(&self, key: Key, parts: &Parts, body: &Incoming);

    /// The body that has arrived could not be kept.
    fn not_arrived(&self, key: Key, body: &Incoming);

    /// The object's file has another tail now. False where it is not in the cache any more.
    fn rerecord(&self, old: &Arc<Record>, new: &Arc<Record>) -> bool;

    /// The record of an object, as it is now.
    fn record(&self, key: Key, file: u64) -> Option<Arc<Record>>;

    /// The records of all objects.
    fn records(&self) -> Vec<Arc<Record>>;

    /// Takes entries off the disk until the rest fits.
    fn make_disk_room(&self);
}
