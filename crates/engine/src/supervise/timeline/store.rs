//! The timeline on the disk: a line a change, appended; the oldest go when there are too many.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use super::Entry;
use crate::supervise::set_aside::set_aside;

/// The file in the data folder.
const FILE_NAME: &str = "changes.jsonl";
/// Changes that are kept.
pub(crate) const KEPT: usize = 1000;
/// Bytes of all changes that are kept, as they are written.
const MAX_BYTES: usize = 4 << 20;
/// The file is written anew, without what is kept no more, once it has grown to so many times its bound.
const SLACK: usize = 2;
/// A longer line is none of ours, in bytes.
const MAX_LINE: u64 = 1 << 20;

/// All changes that are kept, the oldest first.
pub(crate) struct Timeline {
    path: PathBuf,
    entries: VecDeque<(Entry, usize)>,
    bytes: usize,
    next: u64,
    /// Lines and bytes of the file.
    on_disk: (usize, usize),
    /// The last line may be half there.
    torn: bool,
}

/// What is to be done to the file; carried out off the runtime's threads.
pub(crate) enum Writing {
    Append(PathBuf, String),
    Anew(PathBuf, String),
}

impl Writing {
    pub fn carry_out(&self) -> io::Result<()> {
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
            Self::Anew(path, text) => privet_config::save(path, text).map_err(|error| error.source),
        }
    }
}

impl Timeline {
    /// Reads what earlier runs wrote. Where a line cannot be read, the file is set aside, what could be read is written
    /// anew, and the sentence beside says so. Blocks on the disk.
    pub fn load(data_dir: &Path) -> (Self, Option<String>) {
        let path = data_dir.join(FILE_NAME);
        let mut book = Self {
            path: path.clone(),
            entries: VecDeque::new(),
            bytes: 0,
            next: 1,
            on_disk: (0, 0),
            torn: false,
        };
        let broken = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return (book, None),
            Err(error) => Some(error.to_string()),
            Ok(file) => book.read(BufReader::new(file)).err(),
        };
        let Some(why) = broken else {
            return (book, None);
        };
        let said = book.set_aside(&why);
        (book, Some(said))
    }

    /// All lines up to the first that cannot be read, which is the reason given, and those behind it that can.
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
            match serde_json::from_slice::<Entry>(&line) {
                Ok(entry) if entry.id >= self.next => self.keep(entry, line.len()),
                Ok(_) => {
                    broken.get_or_insert(format!("line {number} is out of order"));
                }
                Err(error) => {
                    broken.get_or_insert(format!("line {number}: {error}"));
                }
            }
            self.on_disk.0 += 1;
            self.on_disk.1 += line.len();
        }
        broken.map_or(Ok(()), Err)
    }

    fn set_aside(&mut self, why: &str) -> String {
        let saved = set_aside(&self.path).and_then(|aside| {
            self.anew().carry_out()?;
            Ok(aside)
        });
        let done = match saved {
            Ok(aside) => format!(
                "it was set aside as {}, and the {} changes that could be read are kept",
                aside.display(),
                self.entries.len()
            ),
            Err(error) => format!("it could not be set aside: {error}"),
        };
        format!(
            "the timeline in {} is damaged ({why}); {done}",
            self.path.display()
        )
    }

    /// The next change's number.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Takes a change in; what has to be written.
    pub fn add(&mut self, mut entry: Entry) -> Writing {
        entry.id = self.next;
        // A value of ours has no key that JSON cannot write.
        let line = serde_json::to_string(&entry).unwrap_or_default() + "\n";
        self.keep(entry, line.len());
        self.on_disk.0 += 1;
        self.on_disk.1 += line.len();
        let is_full = self.on_disk.0 > SLACK * KEPT || self.on_disk.1 > SLACK * MAX_BYTES;
        if std::mem::take(&mut self.torn) || is_full {
            return self.anew();
        }
        Writing::Append(self.path.clone(), line)
    }

    /// What [`Self::add`] gave was not carried out to its end: the next is not appended to what may be half a line.
    pub fn not_written(&mut self) {
        self.torn = true;
    }

    fn anew(&mut self) -> Writing {
        let lines = self
            .entries
            .iter()
            .filter_map(|(entry, _)| serde_json::to_string(entry).ok());
        let text: String = lines.map(|line| line + "\n").collect();
        self.on_disk = (self.entries.len(), text.len());
        Writing::Anew(self.path.clone(), text)
    }

    fn keep(&mut self, entry: Entry, bytes: usize) {
        self.next = entry.id.saturating_add(1);
        self.bytes += bytes;
        self.entries.push_back((entry, bytes));
        while self.entries.len() > KEPT || self.bytes > MAX_BYTES {
            let Some((_, bytes)) = self.entries.pop_front() else {
                break;
            };
            self.bytes -= bytes;
        }
    }

    pub fn get(&self, id: u64) -> Option<&Entry> {
        let at = self
            .entries
            .binary_search_by_key(&id, |(entry, _)| entry.id)
            .ok()?;
        self.entries.get(at).map(|(entry, _)| entry)
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The newest first.
    pub fn newest(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().rev().map(|(entry, _)| entry)
    }

    /// Those made after that one, in order.
    pub fn since(&self, id: u64) -> impl DoubleEndedIterator<Item = &Entry> {
        let at = self.entries.partition_point(|(entry, _)| entry.id <= id);
        self.entries.iter().skip(at).map(|(entry, _)| entry)
    }

    /// The change that took that one back and was not itself taken back.
    pub fn undone_by(&self, id: u64) -> Option<u64> {
        let back = self.since(id).rfind(|entry| entry.undoes == Some(id))?;
        self.undone_by(back.id).is_none().then_some(back.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervise::timeline::{ChangeDetail, ChangeSource, UndoAction};

    fn entry(undoes: Option<u64>) -> Entry {
        Entry {
            id: 0,
            at_ms: 5,
            door: ChangeSource::Cli,
            what: vec![ChangeDetail::new("text", [])],
            undo: UndoAction::Never,
            undoes,
            of_this_run: true,
        }
    }

    fn add(book: &mut Timeline, undoes: Option<u64>) {
        book.add(entry(undoes)).carry_out().unwrap();
    }

    #[test]
    fn changes_outlive_the_program_and_their_numbers_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let (mut book, said) = Timeline::load(folder.path());
        assert_eq!(said, None);
        add(&mut book, None);
        add(&mut book, None);
        let (mut book, said) = Timeline::load(folder.path());
        assert_eq!((said, book.len(), book.next()), (None, 2, 3));
        assert!(!book.get(2).unwrap().of_this_run);
        add(&mut book, None);
        assert_eq!(
            book.newest().map(|entry| entry.id).collect::<Vec<_>>(),
            [3, 2, 1]
        );
    }

    #[test]
    fn a_change_that_was_taken_back_and_put_back_is_not_undone() {
        let folder = tempfile::tempdir().unwrap();
        let (mut book, _) = Timeline::load(folder.path());
        for undoes in [None, Some(1), Some(2), Some(1)] {
            add(&mut book, undoes);
        }
        assert_eq!(
            [1, 2, 3, 4].map(|id| book.undone_by(id)),
            [Some(4), Some(3), None, None]
        );
    }

    #[test]
    fn a_damaged_file_is_set_aside_and_what_can_be_read_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (mut book, _) = Timeline::load(folder.path());
        add(&mut book, None);
        add(&mut book, None);
        let path = folder.path().join(FILE_NAME);
        let mut text = std::fs::read_to_string(&path).unwrap();
        // The end of the last line never reached the disk.
        text.truncate(text.len() - 9);
        std::fs::write(&path, &text).unwrap();
        let (book, said) = Timeline::load(folder.path());
        assert!(said.unwrap().contains("the 1 changes"));
        assert_eq!(book.len(), 1);
        let aside = std::fs::read_to_string(folder.path().join("changes.jsonl.corrupt")).unwrap();
        assert_eq!(aside, text);
        assert_eq!(Timeline::load(folder.path()).1, None);
    }

    #[test]
    fn a_line_that_was_half_written_spoils_none_behind_it() {
        let folder = tempfile::tempdir().unwrap();
        let (mut book, _) = Timeline::load(folder.path());
        add(&mut book, None);
        let Writing::Append(path, mut line) = book.add(entry(None)) else {
            panic!("a whole file is not written anew");
        };
        line.truncate(line.len() / 2);
        Writing::Append(path, line).carry_out().unwrap();
        book.not_written();
        add(&mut book, None);
        add(&mut book, None);
        let (again, said) = Timeline::load(folder.path());
        assert_eq!((said, again.len(), again.next()), (None, 4, 5));
    }

    #[test]
    fn the_file_stays_within_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let (mut book, _) = Timeline::load(folder.path());
        for _ in 0..SLACK * KEPT + 5 {
            add(&mut book, None);
        }
        assert_eq!(book.len(), KEPT);
        let text = std::fs::read_to_string(folder.path().join(FILE_NAME)).unwrap();
        assert!(
            text.lines().count() < SLACK * KEPT,
            "{}",
            text.lines().count()
        );
        let (again, said) = Timeline::load(folder.path());
        assert_eq!((said, again.len(), again.next()), (None, KEPT, book.next()));
    }
}
