//! What is written to a shared store.

use std::time::Duration;

use super::ask::SharedAsk;
use super::generations::Generations;
use super::key::SharedKey;
use super::value::{EntryValue, Value, kept_for};
use crate::entry::Entry;
use crate::key::Key;
use crate::rules::time::Timestamp;
use crate::store::disk::seal::DiskKey;

/// An entry that is to be written.
#[derive(Debug)]
pub struct SharedPut {
    pub ask: SharedAsk,
    pub(super) generations: Generations,
    pub(super) entry: Entry,
}

/// A value that is to be written.
#[derive(Debug)]
pub struct Write {
    pub key: SharedKey,
    pub value: Vec<u8>,
    pub keep_for: Duration,
}

impl SharedPut {
    /// Bytes of memory that it holds until it is written.
    pub fn size(&self) -> u64 {
        self.entry.weight()
    }

    /// The values to write, in their order. There are none where the entry is of no use to others.
    pub fn writes(&self, secret: Option<&DiskKey>, now: Timestamp) -> Vec<Write> {
        self.encode(secret, now).unwrap_or_default()
    }

    fn encode(&self, secret: Option<&DiskKey>, now: Timestamp) -> Option<Vec<Write>> {
        let head = self.entry.head();
        let keep_for = kept_for(&head.lifetime, head.ttl(now))?;
        let body = self.entry.memory_body()?;
        // Who asked is nobody else's matter, nor are the fields that the response varies by: the value's name has their hash.
        let mut description = self.entry.description(body.len());
        (description.key, description.owner, description.page) = (Key(0), 0, 0);
        description.judged = 0;
        description.head.vary_key = Box::default();
        let value = Value::Entry(Box::new(EntryValue {
            generations: self.generations,
            kept: keep_for,
            written: now.max(head.received),
            description,
            body: body.blocks().concat(),
        }));
        let mut writes = Vec::with_capacity(2);
        let key = self.ask.key_of(&head.vary_key);
        if !head.vary_key.is_empty() {
            let names = Value::Names(names_of(&head.vary_key));
            writes.push(Write {
                key: self.ask.key,
                value: names.encode(&self.ask.key, secret)?,
                keep_for,
            });
        }
        writes.push(Write {
            key,
            value: value.encode(&key, secret)?,
            keep_for,
        });
        Some(writes)
    }
}

/// The names of a variant's key: see [`crate::rules::vary`].
fn names_of(vary_key: &[u8]) -> Vec<Box<[u8]>> {
    let lines = vary_key.strip_suffix(b"\n").unwrap_or(vary_key);
    let lines = lines.split(|byte| *byte == b'\n');
    lines
        .map(|line| line.split(|byte| *byte == b':').next().unwrap_or_default())
        .map(Into::into)
        .collect()
}
