//! The index file: one record for each change, read once at the start and written anew when it has become long.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::sync::Arc;

use super::codec::ByteReader;
use super::files::{Folder, create_options};
use super::format::{HEADER, INDEX_MAGIC, IndexChange, IndexReader, Record};
use super::seal::{SALT, Seal, random};

/// A log this many times as long as its live records is written anew.
const MOST_GARBAGE: u64 = 2;
/// It is not written anew below this many records.
const FEWEST: u64 = 4096;

/// The index file, open for appending.
pub(crate) struct IndexLog {
    file: File,
    seal: Seal,
    records: u64,
}

/// What the index file says.
#[derive(Debug, Default)]
pub(crate) struct IndexContents {
    pub(crate) records: HashMap<u64, Arc<Record>>,
    /// Records that could not be read.
    pub(crate) damaged: u64,
    /// A number that no object has.
    pub(crate) next_id: u64,
}

/// Reads the index. A file that is missing or of another kind is empty.
pub(crate) fn read_index(folder: &Folder) -> io::Result<IndexContents> {
    let mut bytes = Vec::new();
    match File::open(folder.path().join("index")) {
        Ok(mut file) => file.read_to_end(&mut bytes)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(IndexContents::default());
        }
        Err(error) => return Err(error),
    };
    let mut contents = IndexContents::default();
    let mut from = ByteReader(&bytes);
    let magic = from.array();
    let (Ok(true), Ok(salt)) = (
        magic.map(|magic| magic == *INDEX_MAGIC),
        from.array::<SALT>(),
    ) else {
        contents.damaged = u64::from(!bytes.is_empty());
        return Ok(contents);
    };
    let seal = folder.seal(salt)?;
    let mut reading = IndexReader {
        rest: from.0,
        seal: &seal,
        damaged: 0,
    };
    for change in reading.by_ref() {
        let id = match change {
            IndexChange::Put(record) => {
                let id = record.id;
                contents.records.insert(id, record);
                id
            }
            IndexChange::Remove(id) => {
                contents.records.remove(&id);
                id
            }
        };
        contents.next_id = contents.next_id.max(id.saturating_add(1));
    }
    contents.damaged = reading.damaged;
    Ok(contents)
}

impl IndexLog {
    /// Writes a new index of `records` in the place of the old one.
    pub(crate) fn create(folder: &Folder, records: &[Arc<Record>]) -> io::Result<IndexLog> {
        let salt = random::<SALT>()?;
        let seal = folder.seal(salt)?;
        let mut bytes = Vec::with_capacity(HEADER as usize + records.len() * 256);
        bytes.extend_from_slice(INDEX_MAGIC);
        bytes.extend_from_slice(&salt);
        for record in records {
            IndexChange::Put(record.clone()).append(&seal, random()?, &mut bytes)?;
        }
        let (new, path) = (folder.path().join("index.new"), folder.path().join("index"));
        let mut file = create_options().truncate(true).open(&new)?;
        file.write_all(&bytes)?;
        file.sync_data()?;
        fs::rename(&new, &path)?;
        Ok(IndexLog {
            file,
            seal,
            records: records.len() as u64,
        })
    }

    pub(crate) fn append(&mut self, changes: &[IndexChange]) -> io::Result<()> {
        let mut bytes = Vec::new();
        for change in changes {
            change.append(&self.seal, random()?, &mut bytes)?;
        }
        self.records += changes.len() as u64;
        self.file.write_all(&bytes)
    }

    /// Whether it is worth being written anew, with so many live records.
    pub(crate) fn is_long(&self, live: u64) -> bool {
        self.records > FEWEST && self.records > live.saturating_mul(MOST_GARBAGE)
    }
}
