//! All configured lists: loading, statistics, and which of them must be read or fetched.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use privet_config::unix_time::unix_ms;
use privet_config::{Filter, ListSource};
use privet_policy::List;

use super::entry::ListEntry;
use super::fetch_job::FetchJob;
use super::notice::Notice;
use super::record::ListRecords;
use super::status::ListState;

/// All configured lists, in the file's order.
#[derive(Clone, Default)]
pub(crate) struct Lists {
    pub(super) data_dir: PathBuf,
    pub(super) entries: Vec<ListEntry>,
    /// Records of lists that were removed from the configuration.
    records: ListRecords,
    /// The records differ from the file on disk.
    pub(super) unsaved: bool,
    /// The file on disk names hosts that the user visited.
    hosts_on_disk: bool,
    /// Notices about damaged files that were set aside, not yet reported.
    notices: Vec<Notice>,
}

impl Lists {
    /// Loads the records of the last run. Blocking.
    pub(crate) fn open(data_dir: PathBuf) -> Self {
        let (records, notice) = ListRecords::open(&data_dir, unix_ms(SystemTime::now()));
        Self {
            data_dir,
            hosts_on_disk: records != records.clone().without_hosts(),
            records,
            notices: notice
                .map(|text| Notice {
                    about: "lists".to_owned(),
                    text,
                })
                .into_iter()
                .collect(),
            ..Self::default()
        }
    }

    /// Takes the lists of a new configuration; unchanged lists keep their state. Blocking: reads and parses files.
    pub(crate) fn load(&mut self, filter: &Filter) {
        let now = SystemTime::now();
        let mut before = std::mem::take(&mut self.entries);
        for setting in &filter.lists {
            let position = before.iter().position(|entry| entry.is_for(setting));
            let mut entry = match position {
                Some(position) => before.swap_remove(position).with(setting),
                None => ListEntry::new(setting, &mut self.records, now),
            };
            if setting.enabled {
                self.notices.extend(entry.read(&self.data_dir));
                entry.start_probation(now);
            }
            self.entries.push(entry);
            self.unsaved = true;
        }
        for mut removed in before {
            removed.record_hits(unix_ms(now));
            self.records
                .retain_removed(&removed.setting.name, removed.record, unix_ms(now));
            self.unsaved = true;
        }
    }

    /// The enabled lists that have a text.
    pub(crate) fn policy_lists(&mut self) -> Vec<Arc<List>> {
        let now = SystemTime::now();
        let enabled = self
            .entries
            .iter_mut()
            .filter(|entry| entry.setting.enabled);
        enabled.filter_map(|entry| entry.policy_list(now)).collect()
    }

    /// The file of each list's active text.
    pub(crate) fn text_paths(&self) -> BTreeMap<String, PathBuf> {
        let texts = self.entries.iter();
        texts
            .filter_map(|entry| Some((entry.setting.name.clone(), entry.text_path.clone()?)))
            .collect()
    }

    pub(crate) fn states(&self) -> Vec<ListState> {
        let now = SystemTime::now();
        self.entries.iter().map(|entry| entry.state(now)).collect()
    }

    pub(crate) fn is_fetching(&self, name: &str) -> bool {
        let mut all = self.entries.iter();
        all.any(|entry| entry.setting.name == name && entry.fetching)
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry.setting.name == name)
    }

    /// A list whose probation ended since the lists were passed to the policy.
    pub(crate) fn ended_probation(&self, now: SystemTime) -> Option<&str> {
        let over =
            |entry: &&ListEntry| entry.was_on_probation && entry.counting_until(now).is_none();
        self.entries
            .iter()
            .find(over)
            .map(|entry| entry.setting.name.as_str())
    }

    /// Paths of the enabled lists that come from files.
    pub(crate) fn watched_files(&self) -> Vec<PathBuf> {
        let enabled = self.entries.iter().filter(|entry| entry.setting.enabled);
        enabled
            .filter_map(|entry| match &entry.setting.source {
                ListSource::Path(path) => Some(path.clone()),
                ListSource::Url(_) => None,
            })
            .collect()
    }

    /// Adds the data plane's new counts to the statistics.
    pub(crate) fn record_hits(&mut self, now: SystemTime) {
        for entry in &mut self.entries {
            self.unsaved |= entry.record_hits(unix_ms(now));
        }
    }

    /// The lists whose fetch is due, or `only` regardless of its schedule; each is marked as being fetched.
    pub(crate) fn take_fetches(&mut self, now: SystemTime, only: Option<&str>) -> Vec<FetchJob> {
        let all = self.entries.iter_mut();
        all.filter_map(|entry| entry.take_fetch(now, only))
            .collect()
    }

    /// Reads again one list, or all whose file has changed. Blocking.
    pub(crate) fn reread(&mut self, only: Option<&str>) {
        for entry in &mut self.entries {
            match only {
                Some(name) if entry.setting.name == name => entry.file_stamp = None,
                Some(_) => continue,
                None => {}
            }
            if entry.setting.enabled {
                self.notices.extend(entry.read(&self.data_dir));
                entry.start_probation(SystemTime::now());
            }
        }
    }

    /// The records to write, if there is something to write; without host names unless `hosts`.
    pub(crate) fn take_unsaved(&mut self, hosts: bool) -> Option<ListRecords> {
        let too_much = self.hosts_on_disk && !hosts;
        if !std::mem::take(&mut self.unsaved) && !too_much {
            return None;
        }
        self.hosts_on_disk = hosts;
        let configured = self.entries.iter();
        let configured = configured.map(|entry| (entry.setting.name.as_str(), &entry.record));
        let records = self.records.with(configured);
        Some(match hosts {
            true => records,
            false => records.without_hosts(),
        })
    }

    /// The records that [`Self::take_unsaved`] returned could not be written.
    pub(crate) fn mark_unsaved(&mut self) {
        self.unsaved = true;
    }

    /// Notices since the last call.
    pub(crate) fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    pub(crate) fn data_dir(&self) -> &Path {
        &self.data_dir
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::update::tests::{URL, filter, lists, text};

    #[test]
    fn visited_hosts_are_removed_from_disk_where_connections_may_not_be_stored() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lists/state.json");
        let file_stamp = || std::fs::read_to_string(&file).unwrap();
        let filter = filter(Duration::ZERO);
        let mut one = lists(folder.path(), &filter);
        let now = std::time::SystemTime::now();
        one.apply_fetch("ads", URL, now, text("a.test\n", &[]));
        one.apply_fetch("ads", URL, now, text("b.test\n", &["mine.test"]));
        let statistics = &mut one.entries[0].record.statistics;
        statistics.add_would_block(3, [("seen.test", 3)]);
        one.take_unsaved(true)
            .unwrap()
            .write(folder.path())
            .unwrap();
        assert!(file_stamp().contains("mine.test") && file_stamp().contains("seen.test"));
        assert!(one.take_unsaved(true).is_none());

        let mut two = lists(folder.path(), &filter);
        let _ = two.take_unsaved(true);
        let records = two.take_unsaved(false).expect("the hosts have to go");
        records.write(folder.path()).unwrap();
        assert!(!file_stamp().contains("mine.test") && !file_stamp().contains("seen.test"));
        assert!(two.take_unsaved(false).is_none());
        assert_eq!(two.states()[0].would_block_hosts.len(), 1, "in memory");

        let mut three = lists(folder.path(), &filter);
        let state = &three.states()[0];
        let held = state.held.as_ref().expect("it is held back still");
        assert_eq!(held.text, "it would block sites that you use");
        assert_eq!(state.would_block, 3);
        let _ = three.take_unsaved(false);
        assert!(three.take_unsaved(false).is_none());
    }
}
