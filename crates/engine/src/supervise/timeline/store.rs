//! The timeline on disk: one JSON line for each change, appended; the oldest changes are dropped.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use super::change::Change;
use crate::supervise::set_aside::set_aside;

/// Name of the file in the data folder.
const FILE_NAME: &str = "changes.jsonl";
/// Maximum number of changes.
const MAX_CHANGES: usize = 1000;
/// Maximum bytes of all changes as written.
const MAX_BYTES: usize = 4 << 20;
/// The file is rewritten without dropped changes once it exceeds its bounds by this factor.
const REWRITE_FACTOR: usize = 2;
/// Longest accepted line, in bytes.
const MAX_LINE: u64 = 1 << 20;

/// All kept changes, oldest first.
pub(crate) struct Timeline {
    path: PathBuf,
    changes: VecDeque<(Change, usize)>,
    bytes: usize,
    next: u64,
    lines_on_disk: usize,
    bytes_on_disk: usize,
    /// The last write failed: the last line may be incomplete.
    last_write_failed: bool,
}

/// A pending write to the file.
pub(crate) enum TimelineWrite {
    Append(PathBuf, String),
    Rewrite(PathBuf, String),
}

impl TimelineWrite {
    /// Blocking.
    pub fn execute(&self) -> io::Result<()> {
        match self {
            Self::Append(path, line) => {
                let mut options = OpenOptions::new();
                options.append(true).create(true);
                #[cfg(unix)]
                std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
                let mut file = options.open(path)?;
                file.write_all(line.as_bytes())?;
                file.sync_data()
            }
            Self::Rewrite(path, text) => {
                privet_config::save(path, text).map_err(|error| error.source)
            }
        }
    }
}

impl Timeline {
    /// Loads the changes of earlier runs. If a line cannot be read, the file is set aside, the readable changes are
    /// rewritten, and the returned sentence says so. Blocking.
    pub fn load(data_dir: &Path) -> (Self, Option<String>) {
        let path = data_dir.join(FILE_NAME);
        let mut timeline = Self {
            path: path.clone(),
            changes: VecDeque::new(),
            bytes: 0,
            next: 1,
            lines_on_disk: 0,
            bytes_on_disk: 0,
            last_write_failed: false,
        };
        let broken = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return (timeline, None),
            Err(error) => Some(error.to_string()),
            Ok(file) => timeline.read(BufReader::new(file)).err(),
        };
        let Some(why) = broken else {
            return (timeline, None);
        };
        let notice = timeline.set_aside(&why);
        (timeline, Some(notice))
    }

    /// Reads every readable line.
    ///
    /// # Errors
    /// The reason why the first unreadable line could not be read.
    fn read(&mut self, mut file: impl BufRead) -> Result<(), String> {
        let mut broken = None;
        for number in 1.. {
            let mut line = Vec::new();
            let mut bounded = io::Read::take(&mut file, MAX_LINE);
            match bounded.read_until(b'\n', &mut line) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => {
                    broken.get_or_insert(format!("line {number}: {error}"));
                    break;
                }
            }
            match serde_json::from_slice::<Change>(&line) {
                Ok(change) if change.id >= self.next => self.push(change, line.len()),
                Ok(_) => {
                    broken.get_or_insert(format!("line {number} is out of order"));
                }
                Err(error) => {
                    broken.get_or_insert(format!("line {number}: {error}"));
                }
            }
            self.lines_on_disk += 1;
            self.bytes_on_disk += line.len();
        }
        broken.map_or(Ok(()), Err)
    }

    fn set_aside(&mut self, why: &str) -> String {
        let saved = set_aside(&self.path).and_then(|aside| {
            self.rewrite().execute()?;
            Ok(aside)
        });
        let done = match saved {
            Ok(aside) => format!(
                "it was set aside as {}, and the {} changes that could be read are kept",
                aside.display(),
                self.changes.len()
            ),
            Err(error) => format!("it could not be set aside: {error}"),
        };
        format!(
            "the timeline in {} is damaged ({why}); {done}",
            self.path.display()
        )
    }

    /// Number of the next change.
    pub fn next_id(&self) -> u64 {
        self.next
    }

    /// Adds a change under the next number. Returns the write that stores it.
    pub fn add(&mut self, mut change: Change) -> TimelineWrite {
        change.id = self.next;
        // Serialising cannot fail: all map keys are strings.
        let line = serde_json::to_string(&change).unwrap_or_default() + "\n";
        self.push(change, line.len());
        self.lines_on_disk += 1;
        self.bytes_on_disk += line.len();
        let is_full = self.lines_on_disk > REWRITE_FACTOR * MAX_CHANGES
            || self.bytes_on_disk > REWRITE_FACTOR * MAX_BYTES;
        if std::mem::take(&mut self.last_write_failed) || is_full {
            return self.rewrite();
        }
        TimelineWrite::Append(self.path.clone(), line)
    }

    /// The write that [`Self::add`] returned failed: the next write replaces the whole file.
    pub fn mark_write_failed(&mut self) {
        self.last_write_failed = true;
    }

    fn rewrite(&mut self) -> TimelineWrite {
        let lines = self
            .changes
            .iter()
            .filter_map(|(change, _)| serde_json::to_string(change).ok());
        let text: String = lines.map(|line| line + "\n").collect();
        self.lines_on_disk = self.changes.len();
        self.bytes_on_disk = text.len();
        TimelineWrite::Rewrite(self.path.clone(), text)
    }

    fn push(&mut self, change: Change, bytes: usize) {
        self.next = change.id.saturating_add(1);
        self.bytes += bytes;
        self.changes.push_back((change, bytes));
        while self.changes.len() > MAX_CHANGES || self.bytes > MAX_BYTES {
            let Some((_, bytes)) = self.changes.pop_front() else {
                break;
            };
            self.bytes -= bytes;
        }
    }

    pub fn get(&self, id: u64) -> Option<&Change> {
        let at = self
            .changes
            .binary_search_by_key(&id, |(change, _)| change.id)
            .ok()?;
        self.changes.get(at).map(|(change, _)| change)
    }

    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Newest first.
    pub fn newest(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().rev().map(|(change, _)| change)
    }

    /// Changes after `id`, oldest first.
    pub fn since(&self, id: u64) -> impl DoubleEndedIterator<Item = &Change> {
        let at = self.changes.partition_point(|(change, _)| change.id <= id);
        self.changes.iter().skip(at).map(|(change, _)| change)
    }

    /// Number of the change that undid `id` and was not undone itself.
    pub fn undone_by(&self, id: u64) -> Option<u64> {
        let back = self.since(id).rfind(|change| change.undoes == Some(id))?;
        self.undone_by(back.id).is_none().then_some(back.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervise::timeline::{ChangeDetail, ChangeSource, UndoAction};

    fn change(undoes: Option<u64>) -> Change {
        Change {
            id: 0,
            at_ms: 5,
            source: ChangeSource::Cli,
            what: vec![ChangeDetail::new("text", [])],
            undo: UndoAction::Never,
            undoes,
            of_this_run: true,
        }
    }

    fn add(timeline: &mut Timeline, undoes: Option<u64>) {
        timeline.add(change(undoes)).execute().unwrap();
    }

    #[test]
    fn changes_survive_a_restart_and_numbers_continue() {
        let folder = tempfile::tempdir().unwrap();
        let (mut timeline, notice) = Timeline::load(folder.path());
        assert_eq!(notice, None);
        add(&mut timeline, None);
        add(&mut timeline, None);
        let (mut timeline, notice) = Timeline::load(folder.path());
        assert_eq!((notice, timeline.len(), timeline.next_id()), (None, 2, 3));
        assert!(!timeline.get(2).unwrap().of_this_run);
        add(&mut timeline, None);
        assert_eq!(
            timeline
                .newest()
                .map(|change| change.id)
                .collect::<Vec<_>>(),
            [3, 2, 1]
        );
    }

    #[test]
    fn an_undone_and_redone_change_is_not_undone() {
        let folder = tempfile::tempdir().unwrap();
        let (mut timeline, _) = Timeline::load(folder.path());
        for undoes in [None, Some(1), Some(2), Some(1)] {
            add(&mut timeline, undoes);
        }
        assert_eq!(
            [1, 2, 3, 4].map(|id| timeline.undone_by(id)),
            [Some(4), Some(3), None, None]
        );
    }

    #[test]
    fn a_damaged_file_is_set_aside_and_readable_changes_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (mut timeline, _) = Timeline::load(folder.path());
        add(&mut timeline, None);
        add(&mut timeline, None);
        let path = folder.path().join(FILE_NAME);
        let mut text = std::fs::read_to_string(&path).unwrap();
        // The end of the last line never reached the disk.
        text.truncate(text.len() - 9);
        std::fs::write(&path, &text).unwrap();
        let (timeline, notice) = Timeline::load(folder.path());
        assert!(notice.unwrap().contains("the 1 changes"));
        assert_eq!(timeline.len(), 1);
        let aside = std::fs::read_to_string(folder.path().join("changes.jsonl.corrupt")).unwrap();
        assert_eq!(aside, text);
        assert_eq!(Timeline::load(folder.path()).1, None);
    }

    #[test]
    fn a_partial_line_does_not_affect_later_ones() {
        let folder = tempfile::tempdir().unwrap();
        let (mut timeline, _) = Timeline::load(folder.path());
        add(&mut timeline, None);
        let TimelineWrite::Append(path, mut line) = timeline.add(change(None)) else {
            panic!("a whole file is not written anew");
        };
        line.truncate(line.len() / 2);
        TimelineWrite::Append(path, line).execute().unwrap();
        timeline.mark_write_failed();
        add(&mut timeline, None);
        add(&mut timeline, None);
        let (again, notice) = Timeline::load(folder.path());
        assert_eq!((notice, again.len(), again.next_id()), (None, 4, 5));
    }

    #[test]
    fn the_file_stays_within_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let (mut timeline, _) = Timeline::load(folder.path());
        for _ in 0..REWRITE_FACTOR * MAX_CHANGES + 5 {
            add(&mut timeline, None);
        }
        assert_eq!(timeline.len(), MAX_CHANGES);
        let text = std::fs::read_to_string(folder.path().join(FILE_NAME)).unwrap();
        assert!(
            text.lines().count() < REWRITE_FACTOR * MAX_CHANGES,
            "{}",
            text.lines().count()
        );
        let (again, notice) = Timeline::load(folder.path());
        assert_eq!(
            (notice, again.len(), again.next_id()),
            (None, MAX_CHANGES, timeline.next_id())
        );
    }
}
