//! The bytes of the files: an object's description, and the records of the index.
//!
//! ```text
//! object   "PrvtObj4" salt[16] body tail …
//! tail     nonce[12] tag of each block, description, tag of the description
//! index    "PrvtIdx4" salt[16] record …
//! record   length[4] nonce[12] contents, tag
//! ```
//!
//! An object counts once the index has a record of it: a file that was not finished has none. After a validation a
//! second tail is appended, and the index names it. Numbers are little-endian.

use std::sync::Arc;

use super::codec::{ByteReader, Damaged, put_counted};
use super::description::Description;
use super::seal::{NONCE, Piece, Seal};
use crate::body::BLOCK;
use crate::budget::{allocated_shared, allocated_text};
use crate::key::Key;
use crate::rules::lifetime::{Lifetime, LifetimeSource};
use crate::rules::policy::Policy;
use crate::rules::stored::StoredHead;
use crate::rules::time::Timestamp;
use crate::store::eviction;

pub(crate) const OBJECT_MAGIC: &[u8; 8] = b"PrvtObj4";
pub(crate) const INDEX_MAGIC: &[u8; 8] = b"PrvtIdx4";
/// Bytes before an object's body, and before the index's first record.
pub(crate) const HEADER: u64 = 24;
/// The longest record of the index and description of an object, in bytes.
pub(crate) const MOST_RECORD: usize = 1 << 20;

/// What the index says of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// The file's name. A number is used once.
    pub(crate) id: u64,
    pub(crate) key: Key,
    pub(crate) body_len: u64,
    /// Where the tail begins that holds.
    pub(crate) tail_at: u64,
    /// Bytes of the description.
    pub(crate) description_len: u32,
    pub(crate) owner: u64,
    pub(crate) page: u32,
    pub(crate) status: u16,
    /// As in its head, so that entries can be browsed without reading their files.
    pub(crate) generated: Timestamp,
    pub(crate) fresh_for: u32,
    /// A hash of the variant's key, which tells that a new response takes its place.
    pub(crate) variant: u32,
    pub(crate) invalidated: bool,
    pub(crate) pinned: bool,
    pub(crate) url: Arc<str>,
    /// Hashes of its tags, so that a purge by tag reads no files.
    pub(crate) tags: Box<[u32]>,
}

impl Record {
    /// Blocks of the body.
    pub(crate) fn blocks(&self) -> u64 {
        self.body_len.div_ceil(BLOCK as u64)
    }

    /// What is known of the head without reading the file.
    pub(crate) fn head(&self) -> StoredHead {
        StoredHead {
            status: self.status,
            lines: Box::default(),
            vary_key: Box::default(),
            received: self.generated,
            generated: self.generated,
            lifetime: Lifetime {
                fresh_for: self.fresh_for,
                stale_while_revalidate: 0,
                stale_if_error: None,
                source: LifetimeSource::Explicit,
                no_cache: false,
                must_revalidate: false,
                immutable: false,
                has_validator: false,
            },
        }
    }

    /// Bytes of the tail.
    pub(crate) fn tail_len(&self, tag_len: usize) -> u64 {
        tail_len(self.body_len, self.description_len, tag_len)
    }

    /// Bytes that the file takes, in whole pages, and its record.
    pub(crate) fn disk_bytes(&self) -> u64 {
        let file = self.tail_at + self.tail_len(16);
        file.next_multiple_of(4096) + 128 + self.url.len() as u64
    }

    /// Bytes that it takes in memory while the object itself is on disk only.
    pub(crate) fn memory_bytes(&self) -> u64 {
        allocated_shared(size_of::<Record>())
            + allocated_shared(self.url.len())
            + allocated_text(size_of_val(&*self.tags))
            + eviction::PLACE
    }
}

pub(crate) fn tail_len(body_len: u64, description_len: u32, tag_len: usize) -> u64 {
    let blocks = body_len.div_ceil(BLOCK as u64);
    NONCE as u64 + (blocks + 1) * tag_len as u64 + u64::from(description_len)
}

/// A change to the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IndexChange {
    Put(Arc<Record>),
    Remove(u64),
}

const PUT: u8 = 1;
const REMOVE: u8 = 2;
const INVALIDATED: u8 = 1;
const PINNED: u8 = 2;

impl IndexChange {
    pub(crate) fn write(&self) -> Vec<u8> {
        let record = match self {
            IndexChange::Remove(id) => {
                let mut out = vec![REMOVE];
                out.extend_from_slice(&id.to_le_bytes());
                return out;
            }
            IndexChange::Put(record) => record,
        };
        let mut out = Vec::with_capacity(96 + record.url.len());
        out.push(PUT);
        out.extend_from_slice(&record.id.to_le_bytes());
        out.extend_from_slice(&record.key.0.to_le_bytes());
        out.extend_from_slice(&record.body_len.to_le_bytes());
        out.extend_from_slice(&record.tail_at.to_le_bytes());
        out.extend_from_slice(&record.description_len.to_le_bytes());
        out.extend_from_slice(&record.owner.to_le_bytes());
        out.extend_from_slice(&record.page.to_le_bytes());
        out.extend_from_slice(&record.status.to_le_bytes());
        out.extend_from_slice(&record.generated.0.to_le_bytes());
        out.extend_from_slice(&record.fresh_for.to_le_bytes());
        out.extend_from_slice(&record.variant.to_le_bytes());
        let invalidated = if record.invalidated { INVALIDATED } else { 0 };
        out.push(invalidated | if record.pinned { PINNED } else { 0 });
        put_counted(&mut out, record.url.as_bytes());
        let tags: Vec<u8> = record
            .tags
            .iter()
            .flat_map(|tag| tag.to_le_bytes())
            .collect();
        put_counted(&mut out, &tags);
        out
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<IndexChange, Damaged> {
        let mut from = ByteReader(bytes);
        let kind = from.u8()?;
        let id = from.u64()?;
        match kind {
            PUT => {}
            REMOVE => return from.end().map(|()| IndexChange::Remove(id)),
            _ => return Err(Damaged),
        }
        let key = Key(from.u128()?);
        let (body_len, tail_at, description_len) = (from.u64()?, from.u64()?, from.u32()?);
        let (owner, page) = (from.u64()?, from.u32()?);
        let status = from.u16()?;
        let (generated, fresh_for) = (Timestamp(from.i64()?), from.u32()?);
        let (variant, flags) = (from.u32()?, from.u8()?);
        let url = from.text()?.into();
        let tags = from.counted()?.chunks_exact(4);
        let tags = tags
            .map(|tag| tag.try_into().map_or(0, u32::from_le_bytes))
            .collect();
        from.end()?;
        let after_body = HEADER.checked_add(body_len).ok_or(Damaged)?;
        if tail_at < after_body || description_len as usize > MOST_RECORD {
            return Err(Damaged);
        }
        Ok(IndexChange::Put(Arc::new(Record {
            id,
            key,
            body_len,
            tail_at,
            description_len,
            owner,
            page,
            status,
            generated,
            fresh_for,
            variant,
            invalidated: flags & INVALIDATED != 0,
            pinned: flags & PINNED != 0,
            url,
            tags,
        })))
    }

    /// Appends it as a record of a file with this seal.
    pub(crate) fn append(
        &self,
        seal: &Seal,
        nonce: [u8; NONCE],
        out: &mut Vec<u8>,
    ) -> std::io::Result<()> {
        let mut contents = self.write();
        let len = u32::try_from(contents.len()).map_err(std::io::Error::other)?;
        let mut tag = Vec::with_capacity(16);
        seal.seal(
            Piece::Record(nonce),
            &len.to_le_bytes(),
            &mut contents,
            &mut tag,
        )?;
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&contents);
        out.extend_from_slice(&tag);
        Ok(())
    }
}

/// Reads the records of an index, after its header.
pub(crate) struct IndexReader<'a> {
    pub(crate) rest: &'a [u8],
    pub(crate) seal: &'a Seal,
    /// Records that were damaged.
    pub(crate) damaged: u64,
}

impl Iterator for IndexReader<'_> {
    type Item = IndexChange;

    /// Skips records that are damaged; what has no whole record any more is the end.
    fn next(&mut self) -> Option<IndexChange> {
        while !self.rest.is_empty() {
            let Ok((change, rest)) = self.record() else {
                self.damaged += 1;
                self.rest = &[];
                return None;
            };
            self.rest = rest;
            match change {
                Ok(change) => return Some(change),
                Err(Damaged) => self.damaged += 1,
            }
        }
        None
    }
}

impl<'a> IndexReader<'a> {
    /// The next record and what comes after it; an error where there is no whole one.
    fn record(&self) -> Result<(Result<IndexChange, Damaged>, &'a [u8]), Damaged> {
        let mut from = ByteReader(self.rest);
        let len = from.array::<4>()?;
        let contents_len = u32::from_le_bytes(len) as usize;
        if contents_len > MOST_RECORD {
            return Err(Damaged);
        }
        let nonce = from.array()?;
        let mut contents = from.bytes(contents_len)?.to_vec();
        let tag = from.bytes(self.seal.tag_len())?;
        let opened = self
            .seal
            .open(Piece::Record(nonce), &len, &mut contents, tag);
        let change = opened.and_then(|()| IndexChange::read(&contents));
        Ok((change, from.0))
    }
}

/// A hash of a tag or of a variant's key; others may have the same one.
pub(crate) fn short_hash(text: &[u8]) -> u32 {
    crc32fast::hash(text)
}

/// Reads any bytes as the files' contents, for the fuzz target: what can be read is written again alike.
#[doc(hidden)]
pub fn check(bytes: &[u8]) {
    let policy = Policy::private();
    if let Ok(description) = Description::read(bytes, &policy) {
        let again = Description::read(&description.write(), &policy);
        assert!(again.as_ref() == Ok(&description), "{description:?}");
    }
    if let Ok(change) = IndexChange::read(bytes) {
        assert!(
            IndexChange::read(&change.write()).as_ref() == Ok(&change),
            "{change:?}"
        );
    }
    let seal = Seal::Checksum { salt: [0; 16] };
    let mut index = Vec::new();
    let changes = bytes.chunks(9).map(|chunk| {
        let id = chunk.iter().fold(0, |id, byte| id << 8 | u64::from(*byte));
        IndexChange::Remove(id)
    });
    let changes: Vec<IndexChange> = changes.collect();
    for change in &changes {
        let sealed = change.append(&seal, [1; NONCE], &mut index);
        assert!(sealed.is_ok());
    }
    let read = |rest| IndexReader {
        rest,
        seal: &seal,
        damaged: 0,
    };
    assert!(
        read(&index).eq(changes),
        "an index is read as it was written"
    );
    // Any bytes: it ends.
    read(bytes).for_each(drop);
}
