//! Parses a list from a user's file, a stored version or a fetched text.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use flate2::read::MultiGzDecoder;
use privet_config::{FilterList, ListFormat};
use privet_policy::list::MAX_LIST;
use privet_policy::{List, ListReader};

use super::gzip::is_gzip;
use super::versions::{VersionError, VersionInfo, VersionStore};

/// Bytes read at a time.
const CHUNK: usize = 64 << 10;

/// A parsed list.
#[derive(Clone)]
pub(crate) struct ParsedList {
    pub(crate) list: Arc<List>,
    /// When its text arrived.
    pub(crate) read: SystemTime,
}

impl ParsedList {
    pub(super) fn entries(&self) -> u64 {
        self.list.stats().entries as u64
    }
}

/// Reads and parses a file in chunks, so that a large text is never in memory as a whole. Blocking.
pub(super) fn read_file(path: &Path, setting: &FilterList) -> Result<ParsedList, String> {
    let unreadable = |error: io::Error| format!("{} cannot be read: {error}", path.display());
    let mut file = open(path)?;
    let mut reader = ListReader::new(&setting.name, setting.format);
    let mut piece = vec![0; CHUNK];
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

/// Opens a list's file for reading, decompressed if it is a gzip file.
fn open(path: &Path) -> Result<Box<dyn Read>, String> {
    let unreadable = |error: io::Error| format!("{} cannot be read: {error}", path.display());
    let mut file = privet_regular_file::open(path).map_err(unreadable)?;
    let mut head = Vec::new();
    let first = file.by_ref().take(2).read_to_end(&mut head);
    first.map_err(unreadable)?;
    let is_gzip = is_gzip(&head);
    let whole = io::Cursor::new(head).chain(file);
    Ok(match is_gzip {
        true => Box::new(MultiGzDecoder::new(whole)),
        false => Box::new(whole),
    })
}

/// The text of a list's file, to show lines of it. Blocking.
pub(super) fn read_text(path: &Path) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    let read = open(path)?.take(MAX_LIST).read_to_end(&mut text);
    read.map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    Ok(text)
}

/// Parses a list's text. Blocking for large lists.
pub(crate) fn parse(name: &str, bytes: &[u8], format: ListFormat) -> Result<ParsedList, String> {
    let list = List::parse(name, bytes, format).map_err(|error| error.to_string())?;
    Ok(parsed(list, SystemTime::now()))
}

fn parsed(list: List, read: SystemTime) -> ParsedList {
    ParsedList {
        list: Arc::new(list),
        read,
    }
}

/// Result of [`read_stored`].
pub(super) struct StoredList {
    pub(super) active: Option<(VersionInfo, ParsedList)>,
    /// A sentence for each version that was set aside.
    pub(super) notices: Vec<String>,
}

/// Reads the wanted version or, where it is missing or damaged, the newest good one. Blocking.
pub(super) fn read_stored(
    store: &VersionStore,
    setting: &FilterList,
    url: &str,
    wanted: Option<u64>,
) -> StoredList {
    let mut notices = Vec::new();
    loop {
        let versions = store.versions(url);
        let chosen = versions
            .iter()
            .find(|info| Some(info.id) == wanted)
            .or(versions.first());
        let Some(info) = chosen else {
            return StoredList {
                active: None,
                notices,
            };
        };
        match read_version(store, setting, info) {
            Ok(parsed) => {
                let active = Some((info.clone(), parsed));
                return StoredList { active, notices };
            }
            Err(error) => notices.push(error.to_string()),
        }
        // The failed version must be gone, or the loop would not end.
        if store.versions(url).len() >= versions.len() {
            return StoredList {
                active: None,
                notices,
            };
        }
    }
}

/// Parses one version; a damaged one is set aside. Blocking.
pub(super) fn read_version(
    store: &VersionStore,
    setting: &FilterList,
    info: &VersionInfo,
) -> Result<ParsedList, VersionError> {
    let text = store.text(info)?;
    let parsed = parse(&setting.name, &text, setting.format);
    parsed
        .map_err(|_| store.set_aside_version(info))
        .map(|parsed| ParsedList {
            read: SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(info.id),
            ..parsed
        })
}
