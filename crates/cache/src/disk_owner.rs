//! What the disk's threads do to the index: entries that were read, written, have arrived or were lost.

use std::sync::Arc;
use std::time::Duration;

use crate::budget::Budget;
use crate::cache::{Cache, lock};
use crate::entry::Entry;
use crate::incoming::Incoming;
use crate::key::Key;
use crate::part_lookup::find_parts;
use crate::parts::Parts;
use crate::rules::policy::Policy;
use crate::store::disk::format::Record;
use crate::store::disk::load::Load;
use crate::store::disk::owner::DiskOwner;
use crate::store::disk::reader::DiskBody;
use crate::store::index::Removed;

/// The records of objects may take this part of the memory.
const RECORD_PART: u64 = 2;

impl DiskOwner for Cache {
    fn policy(&self) -> &Policy {
        Cache::policy(self)
    }

    fn budget(&self) -> &Arc<Budget> {
        Cache::budget(self)
    }

    fn install(&self, key: Key, record: &Arc<Record>, entry: Entry) {
        let mut shard = self.shard(key);
        let Some(id) = shard.find_record(key, record.id) else {
            return;
        };
        let current = shard.slot(id).is_some_and(|slot| {
            let same = |found: &Arc<Record>| found.tail_at == record.tail_at;
            slot.resident.is_none() && slot.record.as_ref().is_some_and(same)
        });
        if current {
            shard.set_entry(id, entry, self.budget());
        }
        drop(shard);
        self.make_room(0);
    }

    fn loaded(&self, key: Key, load: &Arc<Load>) {
        let mut shard = self.shard(key);
        if shard
            .loads
            .get(&key)
            .is_some_and(|found| Arc::ptr_eq(found, load))
        {
            shard.loads.remove(&key);
        }
    }

    fn lost(&self, record: &Arc<Record>) {
        let mut shard = self.shard(record.key);
        if let Some(id) = shard.find_record(record.key, record.id) {
            let removed = shard.drop_record(id);
            self.release(removed);
        }
    }

    fn written(&self, key: Key, entry: &Entry, record: &Arc<Record>) -> bool {
        let mut shard = self.shard(key);
        let Some(id) = shard.find(key, entry) else {
            return false;
        };
        let record = self.attach(&mut shard, id, record);
        self.release(Removed {
            record,
            ..Removed::default()
        });
        true
    }

    fn arrived(&self, key: Key, body: &Incoming, took: Duration) -> Option<Entry> {
        let mut shard = self.shard(key);
        let id = shard.find_incoming(key, body)?;
        let entry = shard.slot(id)?.entry()?.fetched_in(took);
        shard.set_entry(id, entry.clone(), self.budget());
        Some(entry)
    }

    fn install_arrived(
        &self,
        key: Key,
        body: &Incoming,
        entry: &Entry,
        on_disk: DiskBody,
        record: &Arc<Record>,
    ) -> bool {
        let mut shard = self.shard(key);
        let Some(id) = shard.find_incoming(key, body) else {
            return false;
        };
        shard.counts.stored += 1;
        self.install_on_disk(shard, id, entry, |now| now.arrived_on_disk(on_disk), record)
    }

    fn install_parts(
        &self,
        key: Key,
        entry: &Entry,
        on_disk: DiskBody,
        record: &Arc<Record>,
    ) -> bool {
        let shard = self.shard(key);
        let parts = entry.parts();
        let Some(id) = parts.and_then(|parts| find_parts(&shard, key, parts)) else {
            return false;
        };
        self.install_on_disk(shard, id, entry, |now| now.joined_on_disk(on_disk), record)
    }

    fn part_arrived(&self, key: Key, parts: &Parts) {
        Cache::part_arrived(self, key, parts);
    }

    fn part_moved(&self, key: Key, parts: &Parts) {
        self.weigh_parts(key, parts);
    }

    fn part_not_arrived(&self, key: Key, parts: &Parts, body: &Incoming) {
        self.drop_part(key, parts, body);
    }

    fn not_arrived(&self, key: Key, body: &Incoming) {
        self.drop_incoming(key, body);
    }

    fn rerecord(&self, old: &Arc<Record>, new: &Arc<Record>) -> bool {
        let Some(disk) = self.disk() else {
            return false;
        };
        let mut shard = self.shard(old.key);
        let Some(id) = shard.find_record(old.key, old.id) else {
            return false;
        };
        disk.added(new);
        self.budget().force(new.memory_bytes());
        if let Some(replaced) = shard.set_record(id, new.clone()) {
            disk.removed(&replaced);
            self.budget().release(replaced.memory_bytes());
        }
        self.mark(&mut shard, id, |_| {});
        true
    }

    fn record(&self, key: Key, file: u64) -> Option<Arc<Record>> {
        let shard = self.shard(key);
        let id = shard.find_record(key, file)?;
        shard.slot(id)?.record.clone()
    }

    fn records(&self) -> Vec<Arc<Record>> {
        let mut records = Vec::new();
        for shard in &self.shards {
            let shard = lock(shard);
            records.extend(shard.entries().filter_map(|(_, slot)| slot.record.clone()));
        }
        records
    }

    fn make_disk_room(&self) {
        let Some(disk) = self.disk() else {
            return;
        };
        disk.pool().make_room(0);
        let memory = self.budget().pool().fair_share() / RECORD_PART;
        while disk.has_many_records(memory) && self.evict_from_disk() {}
    }
}
