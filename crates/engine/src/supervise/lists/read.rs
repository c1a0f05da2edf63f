//! From bytes to a list: a file of the user's in pieces, a fetched text from the shelf.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use privet_config::{FilterList, ListFormat};
use privet_policy::{List, ListReader};

use super::list_versions::{Facts, Shelf, ShelfError};

/// Reads a file in pieces of so many bytes.
const PIECE: usize = 64 << 10;

/// One list, read and parsed; made off the runtime's threads.
#[derive(Clone)]
pub(crate) struct Parsed {
    pub(crate) list: Arc<List>,
    /// When its text came.
    pub(crate) read: SystemTime,
}

/// The text of a million hosts is never held whole: only what the list keeps stays in memory.
pub(super) fn read_file(path: &Path, setting: &FilterList) -> Result<Parsed, String> {
    let unreadable = |error: io::Error| format!("{} cannot be read: {error}", path.display());
    let mut file = File::open(path).map_err(unreadable)?;
    let mut reader = ListReader::new(&setting.name, setting.format);
    let mut piece = vec![0; PIECE];
    loop {
        let len = match file.read(&mut piece) {
            Ok(0) => break,
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(error)),
        };
        let piece = piece.get(..len).unwrap_or_default();
        reader.feed(piece).map_err(|error| error.to_string())?;
    }
    let list = reader.finish().map_err(|error| error.to_string())?;
    Ok(parsed(list, SystemTime::now()))
}

/// Parses a list's text. Blocking for large lists.
pub(crate) fn parse(name: &str, bytes: &[u8], format: ListFormat) -> Result<Parsed, String> {
    let list = List::parse(name, bytes, format).map_err(|error| error.to_string())?;
    Ok(parsed(list, SystemTime::now()))
}

fn parsed(list: List, read: SystemTime) -> Parsed {
    Parsed {
        list: Arc::new(list),
        read,
    }
}

/// What stood on the shelf.
pub(super) struct Shelved {
    pub(super) standing: Option<(Facts, Parsed)>,
    /// What was set aside on the way, in sentences.
    pub(super) said: Vec<String>,
}

/// The wanted version or, where it is gone or broken, the newest that is good. Blocking.
pub(super) fn read_shelf(
    shelf: &Shelf,
    setting: &FilterList,
    url: &str,
    wanted: Option<u64>,
) -> Shelved {
    let mut said = Vec::new();
    loop {
        let versions = shelf.versions(url);
        let chosen = versions
            .iter()
            .find(|facts| Some(facts.id) == wanted)
            .or(versions.first());
        let Some(facts) = chosen else {
            return Shelved {
                standing: None,
                said,
            };
        };
        match read_version(shelf, setting, facts) {
            Ok(parsed) => {
                let standing = Some((facts.clone(), parsed));
                return Shelved { standing, said };
            }
            Err(error) => said.push(error.to_string()),
        }
        // What failed is no version any more: each turn has one less to try.
        if shelf.versions(url).len() >= versions.len() {
            return Shelved {
                standing: None,
                said,
            };
        }
    }
}

/// One version, parsed; one that is broken is set aside. Blocking.
pub(super) fn read_version(
    shelf: &Shelf,
    setting: &FilterList,
    facts: &Facts,
) -> Result<Parsed, ShelfError> {
    let text = shelf.text(facts)?;
    let parsed = parse(&setting.name, &text, setting.format);
    parsed
        .map_err(|_| shelf.broken(facts))
        .map(|parsed| Parsed {
            read: SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(facts.id),
            ..parsed
        })
}
