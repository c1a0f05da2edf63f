//! What is known of each configured list, and which of them have to be read or fetched.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use privet_config::{Filter, FilterList, ListFormat, Source};
use privet_policy::{List, ListReader};
use serde::Serialize;

use super::Copy;
use super::copy::Facts;

/// A list as the API shows it.
#[derive(Debug, Clone, Serialize)]
pub struct ListState {
    pub name: String,
    pub source: String,
    pub enabled: bool,
    /// What the format was found to be, once read.
    pub format: Option<String>,
    pub entries: u64,
    /// Lines that could not be used.
    pub skipped: u64,
    pub bytes: u64,
    /// Connections it matched since it was loaded.
    pub hits: u64,
    /// Seconds since 1970 of the last good read or fetch.
    pub updated: Option<u64>,
    /// Why the newest read or fetch failed; the last good list stays in force.
    pub error: Option<String>,
}

/// One list, read and parsed; made off the runtime's threads.
#[derive(Clone)]
pub(crate) struct Parsed {
    pub(crate) list: Arc<List>,
    pub(crate) read: SystemTime,
}

/// A list that has to be fetched.
#[derive(Debug, Clone)]
pub(crate) struct Due {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) format: ListFormat,
    pub(crate) known: Option<Facts>,
}

#[derive(Clone)]
struct Known {
    setting: FilterList,
    /// When the file was written, for lists from files.
    written: Option<SystemTime>,
    parsed: Option<Parsed>,
    error: Option<String>,
    fetching: bool,
    checked: SystemTime,
}

/// All configured lists, in the file's order.
#[derive(Clone)]
pub(crate) struct Lists {
    data_dir: PathBuf,
    known: Vec<Known>,
}

impl Lists {
    pub(crate) fn new(data_dir: PathBuf) -> Self {
        Self {
            data_dir,
            known: Vec::new(),
        }
    }

    /// Reads what the new configuration names; lists that did not change are kept. Blocking: files are read and parsed.
    pub(crate) fn load(&mut self, filter: &Filter) {
        let mut before = std::mem::take(&mut self.known);
        for setting in &filter.lists {
            let place = before
                .iter()
                .position(|known| same_list(&known.setting, setting));
            let mut known = match place {
                Some(place) => Known {
                    setting: setting.clone(),
                    ..before.swap_remove(place)
                },
                None => Known::new(setting.clone()),
            };
            if setting.enabled {
                known.read(&self.data_dir);
            }
            self.known.push(known);
        }
    }

    /// The lists that filter.
    pub(crate) fn active(&self) -> Vec<Arc<List>> {
        let enabled = self.known.iter().filter(|known| known.setting.enabled);
        enabled
            .filter_map(|known| Some(known.parsed.as_ref()?.list.clone()))
            .collect()
    }

    pub(crate) fn states(&self) -> Vec<ListState> {
        self.known.iter().map(Known::state).collect()
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.known.iter().any(|known| known.setting.name == name)
    }

    /// The fetched lists whose time has come, or all of `only`; each is marked as under way.
    pub(crate) fn due(&mut self, now: SystemTime, only: Option<&str>) -> Vec<Due> {
        let data_dir = self.data_dir.clone();
        self.known
            .iter_mut()
            .filter_map(|known| known.due(&data_dir, now, only))
            .collect()
    }

    /// Reads one list from its file again, where it comes from a file. Blocking.
    pub(crate) fn reread(&mut self, name: &str) {
        let data_dir = self.data_dir.clone();
        for known in self
            .known
            .iter_mut()
            .filter(|known| known.setting.name == name)
        {
            known.written = None;
            known.read(&data_dir);
        }
    }

    /// A fetch came back: a good list replaces the one in force, a failure leaves it and is said.
    pub(crate) fn fetched(
        &mut self,
        name: &str,
        now: SystemTime,
        outcome: Result<Option<Parsed>, String>,
    ) {
        let mut all = self.known.iter_mut();
        if let Some(known) = all.find(|known| known.setting.name == name) {
            known.fetching = false;
            known.checked = now;
            match outcome {
                Ok(Some(parsed)) => {
                    known.parsed = Some(parsed);
                    known.error = None;
                }
                Ok(None) => known.error = None,
                Err(text) => known.error = Some(text),
            }
        }
    }
}

fn same_list(a: &FilterList, b: &FilterList) -> bool {
    a.name == b.name && a.source == b.source && a.format == b.format
}

impl Known {
    fn new(setting: FilterList) -> Self {
        Self {
            setting,
            written: None,
            parsed: None,
            error: None,
            fetching: false,
            checked: SystemTime::UNIX_EPOCH,
        }
    }

    fn read(&mut self, data_dir: &std::path::Path) {
        let outcome = match &self.setting.source {
            Source::Path(path) => {
                let written = std::fs::metadata(path)
                    .and_then(|facts| facts.modified())
                    .ok();
                if self.parsed.is_some() && written.is_some() && written == self.written {
                    return;
                }
                self.written = written;
                read_file(path, &self.setting)
            }
            Source::Url(url) if self.parsed.is_none() => {
                match Copy::of(data_dir, &self.setting.name).read(url) {
                    Some((facts, bytes)) => {
                        self.checked = SystemTime::UNIX_EPOCH + Duration::from_secs(facts.checked);
                        parse(&self.setting.name, &bytes, self.setting.format).map(|list| Parsed {
                            read: self.checked,
                            ..list
                        })
                    }
                    None => return,
                }
            }
            Source::Url(_) => return,
        };
        match outcome {
            Ok(parsed) => {
                self.parsed = Some(parsed);
                self.error = None;
            }
            Err(text) => self.error = Some(text),
        }
    }

    fn due(
        &mut self,
        data_dir: &std::path::Path,
        now: SystemTime,
        only: Option<&str>,
    ) -> Option<Due> {
        let Source::Url(url) = &self.setting.source else {
            return None;
        };
        let asked = only == Some(self.setting.name.as_str());
        let waited = now
            .duration_since(self.checked)
            .map_or(true, |age| age >= self.pace());
        if self.fetching || !self.setting.enabled || !(asked || (only.is_none() && waited)) {
            return None;
        }
        self.fetching = true;
        let known = self
            .parsed
            .is_some()
            .then(|| Copy::of(data_dir, &self.setting.name).read(url))
            .flatten();
        let known = known.map(|(facts, _)| facts);
        Some(Due {
            name: self.setting.name.clone(),
            url: url.clone(),
            format: self.setting.format,
            known,
        })
    }

    /// A list that failed is asked for again sooner than one that stands.
    fn pace(&self) -> Duration {
        const RETRY: Duration = Duration::from_secs(300);
        if self.error.is_some() || self.parsed.is_none() {
            RETRY.min(self.setting.refresh)
        } else {
            self.setting.refresh
        }
    }

    fn state(&self) -> ListState {
        let list = self.parsed.as_ref().map(|parsed| &parsed.list);
        let stats = list.map(|list| list.stats());
        let seconds = |at: SystemTime| {
            at.duration_since(SystemTime::UNIX_EPOCH)
                .map_or(0, |since| since.as_secs())
        };
        ListState {
            name: self.setting.name.clone(),
            source: match &self.setting.source {
                Source::Path(path) => path.display().to_string(),
                Source::Url(url) => url.clone(),
            },
            enabled: self.setting.enabled,
            format: stats.map(|stats| stats.format_name().to_owned()),
            entries: stats.map_or(0, |stats| stats.entries as u64),
            skipped: stats.map_or(0, |stats| stats.skipped as u64),
            bytes: stats.map_or(0, |stats| stats.bytes),
            hits: list.map_or(0, |list| list.hits()),
            updated: self.parsed.as_ref().map(|parsed| seconds(parsed.read)),
            error: self.error.clone(),
        }
    }
}

/// Reads a file in pieces of so many bytes.
const PIECE: usize = 64 << 10;

/// The text of a million hosts is never held whole: only what the list keeps stays in memory.
fn read_file(path: &std::path::Path, setting: &FilterList) -> Result<Parsed, String> {
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
    Ok(parsed(list))
}

/// Parses a list's text. Blocking for large lists.
pub(crate) fn parse(name: &str, bytes: &[u8], format: ListFormat) -> Result<Parsed, String> {
    let list = List::parse(name, bytes, format).map_err(|error| error.to_string())?;
    Ok(parsed(list))
}

fn parsed(list: List) -> Parsed {
    Parsed {
        list: Arc::new(list),
        read: SystemTime::now(),
    }
}
