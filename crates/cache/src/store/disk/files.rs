//! The files of a disk store. Only its own threads call this: everything here may block.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::blocks::Blocks;
use super::codec::{ByteReader, Damaged};
use super::description::Description;
use super::format::{HEADER, MOST_RECORD, OBJECT_MAGIC, Record};
use super::open_files::{OpenFiles, ReadFile, path_of};
use super::read_error::ReadError;
use super::seal::{DiskKey, NONCE, Piece, SALT, Seal, random};
use crate::rules::policy::Policy;

/// A stored object whose description was read and checked.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) record: Arc<Record>,
    pub(crate) blocks: Arc<Blocks>,
}

/// A store's folder. It belongs to one process at a time.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    key: Option<DiskKey>,
    open_files: Arc<OpenFiles>,
    /// Held for as long as the process uses the folder.
    _lock: File,
}

impl Folder {
    /// Creates the folder where it is missing, for its user only, and takes it.
    pub(crate) fn open(path: &Path, key: Option<DiskKey>) -> io::Result<Folder> {
        create_folder(path)?;
        let lock = create_options().truncate(false).open(path.join("lock"))?;
        lock.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => io::Error::new(
                io::ErrorKind::ResourceBusy,
                "another process uses this cache folder",
            ),
            fs::TryLockError::Error(error) => error,
        })?;
        create_folder(&path.join("objects"))?;
        Ok(Folder {
            path: path.to_owned(),
            key,
            open_files: OpenFiles::new(path),
            _lock: lock,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn seal(&self, salt: [u8; SALT]) -> io::Result<Seal> {
        Seal::new(self.key.as_ref(), salt)
    }

    pub(crate) fn object_path(&self, id: u64) -> PathBuf {
        path_of(&self.path, id)
    }

    /// A file that was opened for reading, among those that are kept open.
    pub(super) fn keep_open(&self, id: u64, file: File) -> Arc<ReadFile> {
        self.open_files.add(id, file)
    }

    /// Writes an object's file. Gives where its tail begins and how long its description is.
    /// A file that cannot be written whole is removed.
    pub(crate) fn write(
        &self,
        id: u64,
        description: &Description,
        blocks: &[Bytes],
    ) -> io::Result<(u64, u32)> {
        let written = self.write_blocks(id, blocks).and_then(|writing| {
            let tail_at = HEADER + description.body_len;
            let len = writing.finish(id, tail_at, description)?;
            Ok((tail_at, len))
        });
        if written.is_err() {
            let _ = fs::remove_file(self.object_path(id));
        }
        written
    }

    fn write_blocks(&self, id: u64, blocks: &[Bytes]) -> io::Result<ObjectWriter> {
        let mut writing = self.create(id)?;
        for block in blocks {
            writing.block(block)?;
        }
        Ok(writing)
    }

    /// Begins an object's file.
    pub(crate) fn create(&self, id: u64) -> io::Result<ObjectWriter> {
        let salt = random::<SALT>()?;
        let seal = Arc::new(self.seal(salt)?);
        let path = self.object_path(id);
        let create = || create_options().create_new(true).open(&path);
        let mut file = match create() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                create_folder(path.parent().unwrap_or(&self.path))?;
                create()?
            }
            // Numbers are given after the highest one that the index knows: nothing refers to this file.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                fs::remove_file(&path)?;
                create()?
            }
            other => other?,
        };
        let mut header = [0; HEADER as usize];
        let (magic, rest) = header.split_at_mut(OBJECT_MAGIC.len());
        magic.copy_from_slice(OBJECT_MAGIC);
        rest.copy_from_slice(&salt);
        file.write_all(&header)?;
        Ok(ObjectWriter {
            file,
            seal,
            tags: Vec::new(),
            blocks: 0,
            buffer: Vec::new(),
        })
    }

    /// Appends a tail with another description. Gives where it begins and the description's length.
    pub(crate) fn append_tail(
        &self,
        record: &Record,
        description: &Description,
        policy: &Policy,
    ) -> Result<(u64, u32), ReadError> {
        let (object, _) = self.open_object(&Arc::new(record.clone()), policy)?;
        let mut file = OpenOptions::new()
            .write(true)
            .open(self.object_path(record.id))?;
        // What a crash left after the tail that holds is not a tail.
        let tail_at = file.seek(SeekFrom::End(0))?;
        let writing = ObjectWriter {
            file,
            seal: object.blocks.seal.clone(),
            tags: object.blocks.tags(),
            blocks: record.blocks(),
            buffer: Vec::new(),
        };
        let len = writing.finish(record.id, tail_at, description)?;
        Ok((tail_at, len))
    }

    /// Opens an object and checks what it says of itself.
    pub(crate) fn open_object(
        &self,
        record: &Arc<Record>,
        policy: &Policy,
    ) -> Result<(Object, Description), ReadError> {
        let mut file = File::open(self.object_path(record.id))?;
        let mut header = [0; HEADER as usize];
        file.read_exact(&mut header)?;
        let mut from = ByteReader(&header);
        if from.bytes(OBJECT_MAGIC.len())? != OBJECT_MAGIC {
            return Err(Damaged.into());
        }
        let seal = self.seal(from.array()?)?;
        // The length is checked before memory is taken for it.
        let tail_len = record.tail_len(seal.tag_len());
        let file_len = file.metadata()?.len();
        if record
            .tail_at
            .checked_add(tail_len)
            .is_none_or(|end| end > file_len)
        {
            return Err(Damaged.into());
        }
        file.seek(SeekFrom::Start(record.tail_at))?;
        let mut tail = vec![0; usize::try_from(tail_len).map_err(|_| Damaged)?];
        file.read_exact(&mut tail)?;
        let (tags, description) = read_tail(&tail, record, &seal)?;
        let description = Description::read(&description, policy)?;
        let is_it = description.key == record.key
            && description.url == record.url
            && description.body_len == record.body_len;
        if !is_it {
            return Err(Damaged.into());
        }
        let file = self.keep_open(record.id, file);
        let blocks = Blocks::new(file, Arc::new(seal), tags.into_vec(), record.body_len);
        let object = Object {
            record: record.clone(),
            blocks: Arc::new(blocks),
        };
        Ok((object, description))
    }

    pub(crate) fn remove(&self, id: u64) {
        // It is gone already, or the sweep at the next start tries again.
        let _ = fs::remove_file(self.object_path(id));
    }

    /// Removes the objects that are not known, as after a crash: of those before `before`, and of those from `next_id` on,
    /// whose numbers are then not given any more. The numbers between are of objects that are being written. Without
    /// `next_id` the later ones stay: another key may open them.
    pub(crate) fn sweep(
        &self,
        known: &HashSet<u64>,
        before: u64,
        next_id: Option<&AtomicU64>,
    ) -> io::Result<()> {
        let mut found = Vec::new();
        for shelf in fs::read_dir(self.path.join("objects"))? {
            for object in fs::read_dir(shelf?.path())? {
                let object = object?;
                let name = object.file_name();
                let id = name
                    .to_str()
                    .and_then(|name| u64::from_str_radix(name, 16).ok());
                found.push((id, object.path()));
            }
        }
        let highest = found.iter().filter_map(|(id, _)| *id).max();
        // From this number on they are not this process's, and its own have higher ones from here on.
        let strangers = next_id.zip(highest).map(|(next_id, highest)| {
            next_id.fetch_max(highest.saturating_add(1), Ordering::Relaxed)
        });
        for (id, path) in found {
            let is_stray = match id {
                None => true,
                Some(id) if id < before => !known.contains(&id),
                Some(id) => strangers.is_some_and(|strangers| id >= strangers),
            };
            if is_stray {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

/// The tags of the blocks, and the description.
fn read_tail(tail: &[u8], record: &Record, seal: &Seal) -> Result<(Box<[u8]>, Vec<u8>), ReadError> {
    let mut from = ByteReader(tail);
    let nonce: [u8; NONCE] = from.array()?;
    let tags_len = usize::try_from(record.blocks()).map_err(|_| Damaged)? * seal.tag_len();
    let tags = from.bytes(tags_len)?;
    let mut description = from.bytes(record.description_len as usize)?.to_vec();
    let tag = from.bytes(seal.tag_len())?;
    let beside = beside(tags, record.id);
    seal.open(Piece::Record(nonce), &beside, &mut description, tag)?;
    Ok((tags.into(), description))
}

/// What is checked together with a description.
fn beside(tags: &[u8], id: u64) -> Vec<u8> {
    let mut beside = tags.to_vec();
    beside.extend_from_slice(&id.to_le_bytes());
    beside
}

/// An object that is being written.
pub(crate) struct ObjectWriter {
    file: File,
    pub(super) seal: Arc<Seal>,
    tags: Vec<u8>,
    blocks: u64,
    buffer: Vec<u8>,
}

impl std::fmt::Debug for ObjectWriter {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("ObjectWriting")
            .field("blocks", &self.blocks)
            .finish_non_exhaustive()
    }
}

impl ObjectWriter {
    /// Appends a block: [`BLOCK`](crate::body::BLOCK) bytes, but for the last one.
    pub(crate) fn block(&mut self, block: &[u8]) -> io::Result<()> {
        self.buffer.clear();
        self.buffer.extend_from_slice(block);
        let piece = Piece::Block(self.blocks);
        self.seal
            .seal(piece, &[], &mut self.buffer, &mut self.tags)?;
        self.blocks += 1;
        self.file.write_all(&self.buffer)
    }

    /// The tag of the block that was written last.
    pub(super) fn last_tag(&self) -> &[u8] {
        let from = self.tags.len().saturating_sub(self.seal.tag_len());
        self.tags.get(from..).unwrap_or_default()
    }

    /// Appends the tail at `tail_at`, which is the end of the file. Gives the description's length.
    pub(crate) fn finish(
        mut self,
        id: u64,
        tail_at: u64,
        description: &Description,
    ) -> io::Result<u32> {
        let mut description = description.write();
        if description.len() > MOST_RECORD {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the head is too large",
            ));
        }
        let nonce = random::<NONCE>()?;
        let mut tag = Vec::new();
        let beside = beside(&self.tags, id);
        self.seal
            .seal(Piece::Record(nonce), &beside, &mut description, &mut tag)?;
        let tail = [&nonce[..], &self.tags, &description, &tag].concat();
        self.file.seek(SeekFrom::Start(tail_at))?;
        self.file.write_all(&tail)?;
        u32::try_from(description.len()).map_err(io::Error::other)
    }
}

/// For its user only.
pub(crate) fn create_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Writing to a new or existing file that only its user can read.
pub(crate) fn create_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
