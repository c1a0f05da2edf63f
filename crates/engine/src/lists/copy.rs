//! The last good copy of a fetched list on disk, with what the server said of its version.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Where one list's copy lies: `DATA_DIR/lists/NAME.txt` and `NAME.json`.
#[derive(Debug, Clone)]
pub(crate) struct Copy {
    text: PathBuf,
    facts: PathBuf,
}

/// What was fetched, and when.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Facts {
    pub(crate) url: String,
    pub(crate) etag: Option<String>,
    pub(crate) last_modified: Option<String>,
    /// Seconds since 1970 of the last answer, changed or not.
    pub(crate) checked: u64,
}

impl Copy {
    pub(crate) fn of(data_dir: &Path, name: &str) -> Self {
        let stem = file_stem(name);
        let folder = data_dir.join("lists");
        Self {
            text: folder.join(format!("{stem}.txt")),
            facts: folder.join(format!("{stem}.json")),
        }
    }

    pub(crate) fn text(&self) -> &Path {
        &self.text
    }

    /// The copy of this URL; one of another URL does not count.
    pub(crate) fn read(&self, url: &str) -> Option<(Facts, Vec<u8>)> {
        let facts: Facts = serde_json::from_slice(&std::fs::read(&self.facts).ok()?).ok()?;
        if facts.url != url {
            return None;
        }
        Some((facts, std::fs::read(&self.text).ok()?))
    }

    /// Text first, facts last: after a crash in between, the old facts ask the server again.
    pub(crate) fn write(&self, facts: &Facts, text: Option<&[u8]>) -> io::Result<()> {
        if let Some(folder) = self.text.parent() {
            std::fs::create_dir_all(folder)?;
        }
        if let Some(text) = text {
            replace(&self.text, text)?;
        }
        replace(
            &self.facts,
            &serde_json::to_vec(facts).map_err(io::Error::other)?,
        )
    }
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path
        .parent()
        .ok_or_else(|| io::Error::other("the path has no folder"))?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    io::Write::write_all(&mut file, bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// A file name that no list name can leave the folder with, and that two names do not share.
fn file_stem(name: &str) -> String {
    let safe: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        })
        .take(64)
        .collect();
    let sum = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{safe}-{sum:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_read_back_for_its_own_url_only() {
        let folder = tempfile::tempdir().unwrap();
        let copy = Copy::of(folder.path(), "ads");
        let facts = Facts {
            url: "http://a/".into(),
            etag: Some("\"1\"".into()),
            ..Facts::default()
        };
        copy.write(&facts, Some(b"ads.example\n")).unwrap();
        assert_eq!(
            copy.read("http://a/"),
            Some((facts, b"ads.example\n".to_vec()))
        );
        assert_eq!(copy.read("http://b/"), None);
    }

    #[test]
    fn list_names_cannot_leave_the_folder_or_meet() {
        assert!(!file_stem("../../etc/passwd").contains(['/', '.']));
        assert_ne!(file_stem("a/b"), file_stem("a_b"));
    }
}
