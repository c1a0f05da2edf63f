//! A fetched list on disk: the newest good text, some good ones before it, and an update that is held back.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Good versions that are kept before the newest.
pub(crate) const KEPT_VERSIONS: usize = 3;
/// Bytes that these may take together; the oldest go first.
pub(crate) const KEPT_BYTES: u64 = 128 << 20;

/// Where one list's texts lie: `DATA_DIR/lists/NAME.txt` with its facts in `NAME.json`, the versions before it in
/// `NAME.v-ID.txt`, an update that is held back in `NAME.held.txt`.
#[derive(Debug, Clone)]
pub(crate) struct Shelf {
    folder: PathBuf,
    stem: String,
}

/// What was fetched, and when.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Facts {
    pub(crate) url: String,
    pub(crate) etag: Option<String>,
    pub(crate) last_modified: Option<String>,
    /// Seconds since 1970 of the answer.
    pub(crate) checked: u64,
    /// Tells the versions of a list apart: Unix milliseconds of its arrival.
    pub(crate) id: u64,
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    /// Of the text, to tell a broken file; `None`: written before there were sums.
    pub(crate) sum: Option<u64>,
}

/// A text cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShelfError {
    #[error("{}: {error}", path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    /// It was renamed to this.
    #[error("{} was broken and is set aside", .0.display())]
    SetAside(PathBuf),
}

impl Shelf {
    pub(crate) fn of(data_dir: &Path, name: &str) -> Self {
        Self {
            folder: data_dir.join("lists"),
            stem: file_stem(name),
        }
    }

    fn place(&self, part: &str, ending: &str) -> PathBuf {
        self.folder.join(format!("{}{part}.{ending}", self.stem))
    }

    fn part_of(&self, id: u64) -> String {
        match self.facts("") {
            Some(newest) if newest.id == id => String::new(),
            _ => format!(".v-{id}"),
        }
    }

    /// The file that holds the text of a version.
    pub(crate) fn text_path(&self, id: u64) -> PathBuf {
        self.place(&self.part_of(id), "txt")
    }

    fn facts(&self, part: &str) -> Option<Facts> {
        let bytes = std::fs::read(self.place(part, "json")).ok()?;
        let facts: Facts = serde_json::from_slice(&bytes).ok()?;
        Some(Facts {
            id: match facts.id {
                0 => facts.checked.saturating_mul(1000),
                id => id,
            },
            ..facts
        })
    }

    /// What there is of this URL, the newest first; texts of another URL do not count.
    pub(crate) fn versions(&self, url: &str) -> Vec<Facts> {
        let mut all: Vec<Facts> = self.facts("").into_iter().collect();
        for id in self.former_ids() {
            all.extend(self.facts(&format!(".v-{id}")));
        }
        all.retain(|facts| facts.url == url);
        all.sort_by_key(|facts| std::cmp::Reverse(facts.id));
        all.dedup_by_key(|facts| facts.id);
        all
    }

    fn former_ids(&self) -> Vec<u64> {
        let before = format!("{}.v-", self.stem);
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten();
        let names = entries.flatten().map(|entry| entry.file_name());
        names
            .filter_map(|name| {
                let id = name
                    .to_str()?
                    .strip_prefix(&before)?
                    .strip_suffix(".json")?;
                id.parse().ok()
            })
            .collect()
    }

    /// The text of a version; one that does not fit its facts is set aside.
    pub(crate) fn text(&self, facts: &Facts) -> Result<Vec<u8>, ShelfError> {
        self.checked_text(&self.part_of(facts.id), facts)
    }

    /// The text that is held back.
    pub(crate) fn held_text(&self, facts: &Facts) -> Result<Vec<u8>, ShelfError> {
        self.checked_text(".held", facts)
    }

    fn checked_text(&self, part: &str, facts: &Facts) -> Result<Vec<u8>, ShelfError> {
        let path = self.place(part, "txt");
        match std::fs::read(&path) {
            Ok(text) if facts.sum.is_none_or(|sum| sum == sum_of(&text)) => Ok(text),
            Ok(_) => Err(self.set_aside(part, facts)),
            Err(error) => {
                // Facts without a text would stand in the way of the versions before.
                let _ = std::fs::remove_file(self.place(part, "json"));
                Err(ShelfError::Unreadable { path, error })
            }
        }
    }

    /// Puts a version out of the way that is no list.
    pub(crate) fn broken(&self, facts: &Facts) -> ShelfError {
        self.set_aside(&self.part_of(facts.id), facts)
    }

    fn set_aside(&self, part: &str, facts: &Facts) -> ShelfError {
        let path = self.place(part, "txt");
        let aside = self.place(&format!("{part}.corrupt-{}", facts.id), "txt");
        let _ = std::fs::remove_file(self.place(part, "json"));
        match std::fs::rename(&path, &aside) {
            Ok(()) => ShelfError::SetAside(aside),
            Err(error) => ShelfError::Unreadable { path, error },
        }
    }

    /// Makes a text the newest version. What was the newest goes behind it, and what is too old goes.
    pub(crate) fn adopt(&self, facts: &Facts, text: &[u8]) -> io::Result<()> {
        std::fs::create_dir_all(&self.folder)?;
        match self.facts("") {
            Some(before) if before.url == facts.url => self.keep_former(&before)?,
            // Texts of another source are no versions of this one.
            Some(_) => self.clear(),
            None => {}
        }
        // After a crash in between the text does not fit its facts, and the version that was kept above stands.
        replace(&self.place("", "txt"), text)?;
        self.write_facts("", facts)?;
        self.drop_held();
        self.prune(facts);
        Ok(())
    }

    /// The newest text under a second name; a copy of it where the disk knows no links.
    fn keep_former(&self, facts: &Facts) -> io::Result<()> {
        let part = format!(".v-{}", facts.id);
        let (from, to) = (self.place("", "txt"), self.place(&part, "txt"));
        let kept = std::fs::hard_link(&from, &to).or_else(|error| match error.kind() {
            // An adoption that failed half way left it, and a copy onto a link would empty them both.
            io::ErrorKind::AlreadyExists => Ok(()),
            _ => std::fs::copy(&from, &to).map(drop).inspect_err(|_| {
                let _ = std::fs::remove_file(&to);
            }),
        });
        match kept {
            Ok(()) => self.write_facts(&part, facts),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The newest text stays, and this is what its server says of it now.
    pub(crate) fn note(&self, facts: &Facts) -> io::Result<()> {
        self.write_facts("", facts)
    }

    /// Keeps an update that is not to be in force.
    pub(crate) fn hold(&self, facts: &Facts, text: &[u8]) -> io::Result<()> {
        std::fs::create_dir_all(&self.folder)?;
        replace(&self.place(".held", "txt"), text)?;
        self.write_facts(".held", facts)
    }

    pub(crate) fn drop_held(&self) {
        for ending in ["json", "txt"] {
            let _ = std::fs::remove_file(self.place(".held", ending));
        }
    }

    /// Takes everything of this list off the disk.
    pub(crate) fn clear(&self) {
        self.drop_held();
        let former = self.former_ids().into_iter().map(|id| format!(".v-{id}"));
        for part in former.chain([String::new()]) {
            for ending in ["json", "txt"] {
                let _ = std::fs::remove_file(self.place(&part, ending));
            }
        }
    }

    fn prune(&self, newest: &Facts) {
        let mut room = KEPT_BYTES;
        let mut kept = 0;
        let former = self.versions(&newest.url);
        for facts in former.iter().filter(|facts| facts.id != newest.id) {
            let fits = kept < KEPT_VERSIONS && facts.bytes <= room;
            if fits {
                kept += 1;
                room -= facts.bytes;
                continue;
            }
            for ending in ["json", "txt"] {
                let _ = std::fs::remove_file(self.place(&format!(".v-{}", facts.id), ending));
            }
        }
    }

    fn write_facts(&self, part: &str, facts: &Facts) -> io::Result<()> {
        let bytes = serde_json::to_vec(facts).map_err(io::Error::other)?;
        replace(&self.place(part, "json"), &bytes)
    }
}

/// Writes a file whole, or not at all.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path
        .parent()
        .ok_or_else(|| io::Error::other("the path has no folder"))?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    io::Write::write_all(&mut file, bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// FNV-1a: tells a text that broke on the disk, not one that somebody forged.
pub(crate) fn sum_of(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// A file name that no list name can leave the folder with, and that two names do not share.
fn file_stem(name: &str) -> String {
    let safe = |c: char| match c.is_ascii_alphanumeric() || c == '-' {
        true => c,
        false => '_',
    };
    let short: String = name.chars().map(safe).take(64).collect();
    format!("{short}-{:016x}", sum_of(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(id: u64, text: &[u8]) -> Facts {
        Facts {
            url: "http://a/".into(),
            id,
            bytes: text.len() as u64,
            sum: Some(sum_of(text)),
            ..Facts::default()
        }
    }

    fn ids(shelf: &Shelf) -> Vec<u64> {
        shelf
            .versions("http://a/")
            .iter()
            .map(|facts| facts.id)
            .collect()
    }

    #[test]
    fn the_last_good_versions_stay_and_older_ones_go() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::of(folder.path(), "ads");
        for id in 1..=6 {
            let text = format!("{id}.test\n");
            shelf
                .adopt(&facts(id, text.as_bytes()), text.as_bytes())
                .unwrap();
        }
        assert_eq!(ids(&shelf), [6, 5, 4, 3]);
        for (at, id) in [(0, 6), (1, 5), (3, 3)] {
            let found = shelf.versions("http://a/");
            assert_eq!(
                shelf.text(&found[at]).unwrap(),
                format!("{id}.test\n").as_bytes()
            );
        }
        assert!(
            shelf.versions("http://b/").is_empty(),
            "texts of another URL do not count"
        );
        shelf.clear();
        assert!(ids(&shelf).is_empty());
    }

    #[test]
    fn a_text_that_broke_is_set_aside_and_the_one_before_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::of(folder.path(), "ads");
        shelf
            .adopt(&facts(1, b"one.test\n"), b"one.test\n")
            .unwrap();
        shelf
            .adopt(&facts(2, b"two.test\n"), b"two.test\n")
            .unwrap();
        let newest = shelf.versions("http://a/")[0].clone();
        std::fs::write(shelf.text_path(2), "two.te").unwrap();
        let Err(ShelfError::SetAside(aside)) = shelf.text(&newest) else {
            panic!("the broken text was taken");
        };
        assert_eq!(std::fs::read(aside).unwrap(), b"two.te");
        assert_eq!(ids(&shelf), [1]);
        let before = shelf.versions("http://a/")[0].clone();
        assert_eq!(shelf.text(&before).unwrap(), b"one.test\n");
    }

    #[test]
    fn an_adoption_that_is_tried_again_loses_no_version() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::of(folder.path(), "ads");
        let one = facts(1, b"one.test\n");
        shelf.adopt(&one, b"one.test\n").unwrap();
        // The first try went no further than this.
        shelf.keep_former(&one).unwrap();
        shelf
            .adopt(&facts(2, b"two.test\n"), b"two.test\n")
            .unwrap();
        let texts: Vec<Vec<u8>> = shelf
            .versions("http://a/")
            .iter()
            .map(|facts| shelf.text(facts).unwrap())
            .collect();
        assert_eq!(texts, [b"two.test\n", b"one.test\n"]);
    }

    #[test]
    fn what_a_version_before_this_one_wrote_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::of(folder.path(), "ads");
        std::fs::create_dir_all(&shelf.folder).unwrap();
        std::fs::write(shelf.place("", "txt"), "a.test\n").unwrap();
        let old = r#"{"url":"http://a/","etag":"\"1\"","last_modified":null,"checked":7}"#;
        std::fs::write(shelf.place("", "json"), old).unwrap();
        let found = shelf.versions("http://a/");
        assert_eq!((found[0].id, found[0].checked), (7000, 7));
        assert_eq!(shelf.text(&found[0]).unwrap(), b"a.test\n");
    }

    #[test]
    fn list_names_cannot_leave_the_folder_or_meet() {
        assert!(!file_stem("../../etc/passwd").contains(['/', '.']));
        assert_ne!(file_stem("a/b"), file_stem("a_b"));
    }
}
