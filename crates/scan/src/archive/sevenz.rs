//! The members of a 7z file.

use std::io::{Cursor, Read};

use sevenz_rust2::{ArchiveReader, Error, Password};

use super::member::malformed;
use crate::limits::OverLimit;

/// KiB that the list of members, and each decoder, may take: what 7-Zip needs at its highest level.
const MAX_MEMORY: usize = 66 << 10;

/// Why a file was not read to its end.
#[derive(Debug)]
pub enum Unreadable<E> {
    Encrypted,
    /// Packed in a way that is not read.
    Unknown,
    Over(OverLimit),
    /// The visitor said stop.
    Stopped(E),
}

/// Calls `visit` with a reader of each file.
///
/// # Errors
/// The file cannot be read, or `visit` says stop.
pub fn members<E>(
    bytes: &[u8],
    mut visit: impl FnMut(&mut dyn Read) -> Result<(), E>,
) -> Result<(), Unreadable<E>> {
    let reader = Cursor::new(bytes);
    let opened = ArchiveReader::new_with_memory_limit(reader, Password::empty(), MAX_MEMORY);
    let mut archive = opened.map_err(unreadable)?;
    archive.set_thread_count(1);
    let mut stopped = None;
    let read = archive.for_each_entries(|entry, reader| {
        if entry.is_directory || !entry.has_stream {
            return Ok(true);
        }
        match visit(reader) {
            Ok(()) => Ok(true),
            Err(stop) => {
                stopped = Some(stop);
                Err(Error::FileNotFound)
            }
        }
    });
    match (stopped, read) {
        (Some(stop), _) => Err(Unreadable::Stopped(stop)),
        (None, Err(error)) => Err(unreadable(error)),
        (None, Ok(())) => Ok(()),
    }
}

fn unreadable<E>(error: Error) -> Unreadable<E> {
    match error {
        Error::PasswordRequired | Error::MaybeBadPassword(_) => Unreadable::Encrypted,
        Error::UnsupportedCompressionMethod(name) if name.contains("AES") => Unreadable::Encrypted,
        Error::UnsupportedCompressionMethod(_) | Error::Unsupported(_) => Unreadable::Unknown,
        Error::MaxMemLimited { .. } => Unreadable::Over(OverLimit::Bytes),
        _ => Unreadable::Over(malformed("a 7z file is damaged")),
    }
}
