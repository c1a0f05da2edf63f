//! Small entries that are not in use, each in one allocation: a million of them have to fit.

use std::sync::Arc;

use super::disk::codec::{Damaged, Reading};
use super::disk::format::{Description, DescriptionView};
use crate::body::MemoryBody;
use crate::budget::{Budget, block};
use crate::entry::Entry;
use crate::key::Key;
use crate::rules::policy::Policy;

/// The longest body that is packed: it is copied each time.
const MOST: u64 = 16 * 1024;
/// What a packed entry costs beside its bytes: its slot, its places in the queues and in the table.
pub(crate) const OVERHEAD: u64 = 120;

const KEEP_ON_DISK: u8 = 1;

/// Flags, serial number, length of the description, description, body.
#[derive(Debug)]
pub(crate) struct Packed(Box<[u8]>);

impl Packed {
    /// None where the entry is too large, not complete, or has its body on disk.
    pub(crate) fn of(key: Key, entry: &Entry) -> Option<Packed> {
        let body = entry.memory_body().filter(|body| body.len() <= MOST)?;
        let description = entry.description(key, body.len()).write();
        let blocks = body.blocks();
        let len = 13 + description.len() + blocks.iter().map(|block| block.len()).sum::<usize>();
        let mut bytes = Vec::with_capacity(len);
        bytes.push(if entry.keep_on_disk() {
            KEEP_ON_DISK
        } else {
            0
        });
        bytes.extend_from_slice(&entry.serial().to_le_bytes());
        bytes.extend_from_slice(&u32::try_from(description.len()).ok()?.to_le_bytes());
        bytes.extend_from_slice(&description);
        blocks
            .iter()
            .for_each(|block| bytes.extend_from_slice(block));
        Some(Packed(bytes.into_boxed_slice()))
    }

    /// Bytes that it takes in memory.
    pub(crate) fn weight(&self) -> u64 {
        OVERHEAD + self.0.len() as u64
    }

    pub(crate) fn serial(&self) -> u64 {
        self.parts().map_or(0, |parts| parts.serial)
    }

    pub(crate) fn view(&self) -> Option<DescriptionView<'_>> {
        DescriptionView::read(self.parts().ok()?.description).ok()
    }

    /// The entry that it was.
    pub(crate) fn unpack(&self, policy: &Policy, budget: &Arc<Budget>) -> Option<Entry> {
        let parts = self.parts().ok()?;
        let description = Description::read(parts.description, policy).ok()?;
        let trailers = description.trailers.clone().into();
        budget.force(parts.body.len() as u64);
        let body = Some(block(parts.body.into(), budget)).into_iter();
        let body = MemoryBody::new(body, trailers);
        let keep = parts.flags & KEEP_ON_DISK != 0;
        Some(Entry::unpacked(description, body, parts.serial, keep))
    }

    fn parts(&self) -> Result<Parts<'_>, Damaged> {
        let mut from = Reading(&self.0);
        let (flags, serial) = (from.u8()?, from.u64()?);
        let description = from.counted()?;
        Ok(Parts {
            flags,
            serial,
            description,
            body: from.0,
        })
    }
}

struct Parts<'a> {
    flags: u8,
    serial: u64,
    description: &'a [u8],
    body: &'a [u8],
}
