//! What survives a restart for each list: statistics, probation, and the user's choice of version.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use privet_config::unix_time::from_unix_ms;
use privet_policy::VisitedSite;
use serde::{Deserialize, Serialize};

use super::statistics::ListStatistics;
use super::versions::{VersionInfo, VersionStore, replace};

/// How long the record of a removed list is kept, in milliseconds: the removal may be undone.
const REMOVED_RETENTION_MS: u64 = 24 * 3_600_000;
/// Maximum number of removed lists that are remembered.
const MAX_REMOVED: usize = 64;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ListRecord {
    /// Path or URL. A list of the same name with another source is another list.
    pub(crate) source: String,
    /// Unix milliseconds of the start of its probation.
    pub(crate) counting_since: Option<u64>,
    /// Version that the user rolled back to; active until updates are resumed.
    pub(crate) pinned: Option<u64>,
    pub(crate) held: Option<HeldVersion>,
    /// Unix milliseconds of the server's last good response.
    pub(crate) checked: u64,
    #[serde(rename = "figures")]
    pub(crate) statistics: ListStatistics,
    /// Unix milliseconds of its removal from the configuration.
    #[serde(rename = "gone")]
    pub(crate) removed: Option<u64>,
}

impl ListRecord {
    /// End of the probation of length `probation`; `None` if there is none or it is over.
    pub(super) fn counting_until(
        &self,
        probation: Duration,
        now: SystemTime,
    ) -> Option<SystemTime> {
        if probation.is_zero() {
            return None;
        }
        let until = from_unix_ms(self.counting_since?).checked_add(probation)?;
        Some(until).filter(|until| now < *until)
    }
}

/// An update that is not active because it would block sites that the user visits, or shrink the list by more than half.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct HeldVersion {
    #[serde(rename = "facts")]
    pub(crate) info: VersionInfo,
    pub(crate) sites: Vec<AffectedSite>,
    /// Entries of the active version, where the update has less than half of them; else 0.
    pub(crate) shrinks_from: u64,
    /// The user declined this text and is not asked about it again.
    pub(crate) declined: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct AffectedSite {
    pub(crate) host: String,
    pub(crate) connections: u64,
}

impl From<VisitedSite> for AffectedSite {
    fn from(used: VisitedSite) -> Self {
        Self {
            host: used.host.to_string(),
            connections: used.connections,
        }
    }
}

impl HeldVersion {
    /// "it would block example.com (212 connections this week) and 2 more that you use", or that it would shrink the list.
    pub(crate) fn sentence(&self) -> String {
        if self.shrinks_from > 0 {
            return format!(
                "it would shrink the list from {} to {} entries",
                self.shrinks_from, self.info.entries
            );
        }
        let Some(first) = self.sites.first() else {
            // Host names are not stored where connections must not be on disk.
            return "it would block sites that you use".to_owned();
        };
        let more = match self.sites.len() {
            0 | 1 => String::new(),
            n => format!(" and {} more that you use", n - 1),
        };
        let connections = first.connections;
        format!(
            "it would block {} ({connections} connections this week){more}",
            first.host
        )
    }
}

/// The records of all lists, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ListRecords(BTreeMap<String, ListRecord>);

fn file(data_dir: &Path) -> PathBuf {
    data_dir.join("lists").join("state.json")
}

impl ListRecords {
    /// Loads the records. A file that cannot be read is set aside, and the returned sentence says so. Blocking.
    pub(crate) fn open(data_dir: &Path, now: u64) -> (Self, Option<String>) {
        let path = file(data_dir);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Self::empty(None),
            Err(error) => return Self::empty(Some(format!("{}: {error}", path.display()))),
        };
        match serde_json::from_slice::<Self>(&bytes) {
            Ok(mut records) => {
                records.forget_old(data_dir, now);
                (records, None)
            }
            Err(error) => {
                let aside = path.with_extension(format!("json.corrupt-{now}"));
                let kept = std::fs::rename(&path, &aside);
                let to =
                    kept.map_or_else(|error| error.to_string(), |()| aside.display().to_string());
                Self::empty(Some(format!(
                    "what was remembered of the lists cannot be read ({error}) and is set aside: {to}"
                )))
            }
        }
    }

    fn empty(notice: Option<String>) -> (Self, Option<String>) {
        (Self::default(), notice)
    }

    /// Takes the record of a list with this source, or starts a new one at `now` (Unix milliseconds).
    pub(crate) fn take(&mut self, name: &str, source: &str, now: u64) -> ListRecord {
        let stored = self.0.remove(name).filter(|record| record.source == source);
        let fresh = || ListRecord {
            source: source.to_owned(),
            statistics: ListStatistics::from(now),
            ..ListRecord::default()
        };
        ListRecord {
            removed: None,
            ..stored.unwrap_or_else(fresh)
        }
    }

    /// Keeps the record of a list that was removed from the configuration.
    pub(crate) fn retain_removed(&mut self, name: &str, record: ListRecord, now: u64) {
        let record = ListRecord {
            removed: record.removed.or(Some(now)),
            ..record
        };
        self.0.insert(name.to_owned(), record);
        while self.0.len() > MAX_REMOVED {
            let oldest = self.0.iter().min_by_key(|(_, record)| record.removed);
            let Some(name) = oldest.map(|(name, _)| name.clone()) else {
                return;
            };
            self.0.remove(&name);
        }
    }

    /// These records together with those of the configured lists.
    pub(crate) fn with<'a>(
        &self,
        standing: impl Iterator<Item = (&'a str, &'a ListRecord)>,
    ) -> Self {
        let mut all = self.clone();
        all.0
            .extend(standing.map(|(name, record)| (name.to_owned(), record.clone())));
        all
    }

    /// The same without names of hosts that the user visited.
    pub(super) fn without_hosts(mut self) -> Self {
        for record in self.0.values_mut() {
            record.statistics.forget_hosts();
            if let Some(held) = &mut record.held {
                held.sites.clear();
            }
        }
        self
    }

    /// Writes all records atomically. Blocking.
    pub(crate) fn write(&self, data_dir: &Path) -> std::io::Result<()> {
        let path = file(data_dir);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        replace(
            &path,
            &serde_json::to_vec(self).map_err(std::io::Error::other)?,
        )
    }

    fn forget_old(&mut self, data_dir: &Path, now: u64) {
        self.0.retain(|name, record| {
            let old = record
                .removed
                .is_some_and(|removed| removed.saturating_add(REMOVED_RETENTION_MS) < now);
            if old {
                VersionStore::of(data_dir, name).clear();
            }
            !old
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_survive_a_restart_and_a_broken_file_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let (mut records, notice) = ListRecords::open(folder.path(), 1);
        assert_eq!(notice, None);
        let record = ListRecord {
            counting_since: Some(5),
            ..records.take("ads", "http://a/", 1)
        };
        let all = records.with([("ads", &record)].into_iter());
        all.write(folder.path()).unwrap();
        let (mut again, notice) = ListRecords::open(folder.path(), 2);
        assert_eq!((again.take("ads", "http://a/", 9), notice), (record, None));
        assert_eq!(all.clone().take("ads", "http://b/", 9).counting_since, None);

        std::fs::write(file(folder.path()), "{\"ads\":").unwrap();
        let (_, notice) = ListRecords::open(folder.path(), 3);
        assert!(notice.unwrap().contains("state.json.corrupt-3"));
        assert!(folder.path().join("lists/state.json.corrupt-3").exists());
    }

    #[test]
    fn the_record_of_a_removed_list_is_kept_for_a_day() {
        let folder = tempfile::tempdir().unwrap();
        let mut records = ListRecords::default();
        let record = ListRecord {
            counting_since: Some(1),
            ..records.take("ads", "http://a/", 1)
        };
        records.retain_removed("ads", record, 10);
        records.write(folder.path()).unwrap();
        let since = |now| {
            ListRecords::open(folder.path(), now)
                .0
                .take("ads", "http://a/", now)
                .counting_since
        };
        assert_eq!(since(10 + REMOVED_RETENTION_MS), Some(1));
        assert_eq!(since(11 + REMOVED_RETENTION_MS), None);
    }

    #[test]
    fn a_held_update_names_what_it_would_block() {
        let site = |host: &str, connections| AffectedSite {
            host: host.into(),
            connections,
        };
        let held = |sites| {
            HeldVersion {
                sites,
                ..HeldVersion::default()
            }
            .sentence()
        };
        let one = "it would block example.com (212 connections this week)";
        assert_eq!(held(vec![site("example.com", 212)]), one);
        let two = held(vec![site("example.com", 212), site("b.test", 9)]);
        assert_eq!(two, format!("{one} and 1 more that you use"));
        assert_eq!(held(vec![]), "it would block sites that you use");
    }
}
