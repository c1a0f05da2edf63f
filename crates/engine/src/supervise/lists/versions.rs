//! Fetched lists on disk: the newest good text, some earlier ones, and a held update.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Good versions kept beside the newest.
pub(crate) const MAX_FORMER_VERSIONS: usize = 3;
/// Total bytes of these versions; the oldest are deleted first.
pub(crate) const MAX_FORMER_BYTES: u64 = 128 << 20;

/// The stored texts of one list: `DATA_DIR/lists/NAME.txt` with its metadata in `NAME.json`, earlier versions in
/// `NAME.v-ID.txt`, a held update in `NAME.held.txt`.
#[derive(Debug, Clone)]
pub(crate) struct VersionStore {
    folder: PathBuf,
    stem: String,
}

/// Metadata of a stored version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct VersionInfo {
    pub(crate) url: String,
    pub(crate) etag: Option<String>,
    pub(crate) last_modified: Option<String>,
    /// Unix seconds of the response.
    pub(crate) checked: u64,
    /// Identifies a version of the list: Unix milliseconds of its arrival.
    pub(crate) id: u64,
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    /// Checksum of the text; `None` in files written before checksums existed.
    pub(crate) sum: Option<u64>,
}

/// A stored text cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VersionError {
    #[error("{}: {error}", path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    /// It was renamed to this path.
    #[error("{} was broken and is set aside", .0.display())]
    SetAside(PathBuf),
}

impl VersionStore {
    pub(crate) fn of(data_dir: &Path, name: &str) -> Self {
        Self {
            folder: data_dir.join("lists"),
            stem: file_stem(name),
        }
    }

    fn path(&self, suffix: &str, ending: &str) -> PathBuf {
        self.folder.join(format!("{}{suffix}.{ending}", self.stem))
    }

    fn suffix_of(&self, id: u64) -> String {
        match self.info("") {
            Some(newest) if newest.id == id => String::new(),
            _ => format!(".v-{id}"),
        }
    }

    /// Path of a version's text.
    pub(crate) fn text_path(&self, id: u64) -> PathBuf {
        self.path(&self.suffix_of(id), "txt")
    }

    fn info(&self, suffix: &str) -> Option<VersionInfo> {
        let bytes = std::fs::read(self.path(suffix, "json")).ok()?;
        let info: VersionInfo = serde_json::from_slice(&bytes).ok()?;
        Some(VersionInfo {
            id: match info.id {
                0 => info.checked.saturating_mul(1000),
                id => id,
            },
            ..info
        })
    }

    /// Stored versions from `url`, newest first. Texts from another URL are ignored.
    pub(crate) fn versions(&self, url: &str) -> Vec<VersionInfo> {
        let mut all: Vec<VersionInfo> = self.info("").into_iter().collect();
        for id in self.former_ids() {
            all.extend(self.info(&format!(".v-{id}")));
        }
        all.retain(|info| info.url == url);
        all.sort_by_key(|info| std::cmp::Reverse(info.id));
        all.dedup_by_key(|info| info.id);
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

    /// Text of a version. A text that does not match its checksum is set aside.
    pub(crate) fn text(&self, info: &VersionInfo) -> Result<Vec<u8>, VersionError> {
        self.checked_text(&self.suffix_of(info.id), info)
    }

    /// Text of the held update.
    pub(crate) fn held_text(&self, info: &VersionInfo) -> Result<Vec<u8>, VersionError> {
        self.checked_text(".held", info)
    }

    fn checked_text(&self, suffix: &str, info: &VersionInfo) -> Result<Vec<u8>, VersionError> {
        let path = self.path(suffix, "txt");
        match std::fs::read(&path) {
            Ok(text) if info.sum.is_none_or(|sum| sum == checksum(&text)) => Ok(text),
            Ok(_) => Err(self.set_aside(suffix, info)),
            Err(error) => {
                // Metadata without a text would hide the earlier versions.
                let _ = std::fs::remove_file(self.path(suffix, "json"));
                Err(VersionError::Unreadable { path, error })
            }
        }
    }

    /// Sets aside a version that does not parse.
    pub(crate) fn set_aside_version(&self, info: &VersionInfo) -> VersionError {
        self.set_aside(&self.suffix_of(info.id), info)
    }

    fn set_aside(&self, suffix: &str, info: &VersionInfo) -> VersionError {
        let path = self.path(suffix, "txt");
        let aside = self.path(&format!("{suffix}.corrupt-{}", info.id), "txt");
        let _ = std::fs::remove_file(self.path(suffix, "json"));
        match std::fs::rename(&path, &aside) {
            Ok(()) => VersionError::SetAside(aside),
            Err(error) => VersionError::Unreadable { path, error },
        }
    }

    /// Stores a text as the newest version. The newest so far becomes an earlier version; the oldest ones are deleted.
    pub(crate) fn store_newest(&self, info: &VersionInfo, text: &[u8]) -> io::Result<()> {
        std::fs::create_dir_all(&self.folder)?;
        match self.info("") {
            Some(before) if before.url == info.url => self.store_former(&before)?,
            // Texts from another source are not versions of this list.
            Some(_) => self.clear(),
            None => {}
        }
        // After a crash between the two writes the text does not match its metadata, and the version stored above is used.
        replace(&self.path("", "txt"), text)?;
        self.write_info("", info)?;
        self.drop_held();
        self.prune(info);
        Ok(())
    }

    /// Links the newest text under its version name; copies it where the file system has no hard links.
    fn store_former(&self, info: &VersionInfo) -> io::Result<()> {
        let suffix = format!(".v-{}", info.id);
        let (from, to) = (self.path("", "txt"), self.path(&suffix, "txt"));
        let kept = std::fs::hard_link(&from, &to).or_else(|error| match error.kind() {
            // Left by an attempt that failed half way. Copying onto a link to the same file would truncate both.
            io::ErrorKind::AlreadyExists => Ok(()),
            _ => std::fs::copy(&from, &to).map(drop).inspect_err(|_| {
                let _ = std::fs::remove_file(&to);
            }),
        });
        match kept {
            Ok(()) => self.write_info(&suffix, info),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Replaces the metadata of the newest version; its text stays.
    pub(crate) fn update_info(&self, info: &VersionInfo) -> io::Result<()> {
        self.write_info("", info)
    }

    /// Stores an update that must not become active yet.
    pub(crate) fn store_held(&self, info: &VersionInfo, text: &[u8]) -> io::Result<()> {
        std::fs::create_dir_all(&self.folder)?;
        replace(&self.path(".held", "txt"), text)?;
        self.write_info(".held", info)
    }

    pub(crate) fn drop_held(&self) {
        for ending in ["json", "txt"] {
            let _ = std::fs::remove_file(self.path(".held", ending));
        }
    }

    /// Deletes everything stored for this list.
    pub(crate) fn clear(&self) {
        self.drop_held();
        let former = self.former_ids().into_iter().map(|id| format!(".v-{id}"));
        for suffix in former.chain([String::new()]) {
            for ending in ["json", "txt"] {
                let _ = std::fs::remove_file(self.path(&suffix, ending));
            }
        }
    }

    fn prune(&self, newest: &VersionInfo) {
        let mut room = MAX_FORMER_BYTES;
        let mut kept = 0;
        let former = self.versions(&newest.url);
        for info in former.iter().filter(|info| info.id != newest.id) {
            let fits = kept < MAX_FORMER_VERSIONS && info.bytes <= room;
            if fits {
                kept += 1;
                room -= info.bytes;
                continue;
            }
            for ending in ["json", "txt"] {
                let _ = std::fs::remove_file(self.path(&format!(".v-{}", info.id), ending));
            }
        }
    }

    fn write_info(&self, suffix: &str, info: &VersionInfo) -> io::Result<()> {
        let bytes = serde_json::to_vec(info).map_err(io::Error::other)?;
        replace(&self.path(suffix, "json"), &bytes)
    }
}

/// Writes a file atomically.
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

/// FNV-1a. Detects damage on the disk, not forgery.
pub(crate) fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// A file name that stays inside the folder for every list name and differs for different names.
fn file_stem(name: &str) -> String {
    let safe = |c: char| match c.is_ascii_alphanumeric() || c == '-' {
        true => c,
        false => '_',
    };
    let short: String = name.chars().map(safe).take(64).collect();
    format!("{short}-{:016x}", checksum(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(id: u64, text: &[u8]) -> VersionInfo {
        VersionInfo {
            url: "http://a/".into(),
            id,
            bytes: text.len() as u64,
            sum: Some(checksum(text)),
            ..VersionInfo::default()
        }
    }

    fn ids(store: &VersionStore) -> Vec<u64> {
        store
            .versions("http://a/")
            .iter()
            .map(|info| info.id)
            .collect()
    }

    #[test]
    fn the_newest_good_versions_are_kept_and_older_ones_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let store = VersionStore::of(folder.path(), "ads");
        for id in 1..=6 {
            let text = format!("{id}.test\n");
            store
                .store_newest(&info(id, text.as_bytes()), text.as_bytes())
                .unwrap();
        }
        assert_eq!(ids(&store), [6, 5, 4, 3]);
        for (at, id) in [(0, 6), (1, 5), (3, 3)] {
            let found = store.versions("http://a/");
            assert_eq!(
                store.text(&found[at]).unwrap(),
                format!("{id}.test\n").as_bytes()
            );
        }
        assert!(
            store.versions("http://b/").is_empty(),
            "texts of another URL do not count"
        );
        store.clear();
        assert!(ids(&store).is_empty());
    }

    #[test]
    fn a_damaged_text_is_set_aside_and_the_previous_one_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let store = VersionStore::of(folder.path(), "ads");
        store
            .store_newest(&info(1, b"one.test\n"), b"one.test\n")
            .unwrap();
        store
            .store_newest(&info(2, b"two.test\n"), b"two.test\n")
            .unwrap();
        let newest = store.versions("http://a/")[0].clone();
        std::fs::write(store.text_path(2), "two.te").unwrap();
        let Err(VersionError::SetAside(aside)) = store.text(&newest) else {
            panic!("the broken text was taken");
        };
        assert_eq!(std::fs::read(aside).unwrap(), b"two.te");
        assert_eq!(ids(&store), [1]);
        let before = store.versions("http://a/")[0].clone();
        assert_eq!(store.text(&before).unwrap(), b"one.test\n");
    }

    #[test]
    fn a_repeated_store_loses_no_version() {
        let folder = tempfile::tempdir().unwrap();
        let store = VersionStore::of(folder.path(), "ads");
        let one = info(1, b"one.test\n");
        store.store_newest(&one, b"one.test\n").unwrap();
        // State after a first attempt that stopped here.
        store.store_former(&one).unwrap();
        store
            .store_newest(&info(2, b"two.test\n"), b"two.test\n")
            .unwrap();
        let texts: Vec<Vec<u8>> = store
            .versions("http://a/")
            .iter()
            .map(|info| store.text(info).unwrap())
            .collect();
        assert_eq!(texts, [b"two.test\n", b"one.test\n"]);
    }

    #[test]
    fn files_of_earlier_versions_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let store = VersionStore::of(folder.path(), "ads");
        std::fs::create_dir_all(&store.folder).unwrap();
        std::fs::write(store.path("", "txt"), "a.test\n").unwrap();
        let old = r#"{"url":"http://a/","etag":"\"1\"","last_modified":null,"checked":7}"#;
        std::fs::write(store.path("", "json"), old).unwrap();
        let found = store.versions("http://a/");
        assert_eq!((found[0].id, found[0].checked), (7000, 7));
        assert_eq!(store.text(&found[0]).unwrap(), b"a.test\n");
    }

    #[test]
    fn list_names_cannot_leave_the_folder_or_collide() {
        assert!(!file_stem("../../etc/passwd").contains(['/', '.']));
        assert_ne!(file_stem("a/b"), file_stem("a_b"));
    }
}
