//! What is known of each configured list, and which of them have to be read or fetched.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use privet_config::{Filter, ListFormat, ListSource};
use privet_policy::List;

use super::list_state::Known;
use super::list_versions::Facts;
use super::record::Records;
use super::status::{ListState, millis};

/// A list that has to be fetched.
#[derive(Debug, Clone)]
pub(crate) struct Due {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) format: ListFormat,
    /// What the server said of the newest text that is here.
    pub(crate) known: Option<Facts>,
    /// It blocks now: an update is looked at for sites that their user goes to.
    pub(crate) guarded: bool,
}

/// All configured lists, in the file's order.
#[derive(Clone, Default)]
pub(crate) struct Lists {
    pub(super) data_dir: PathBuf,
    pub(super) known: Vec<Known>,
    /// Of lists that are not in the file.
    records: Records,
    /// The records differ from what is on the disk.
    pub(super) unsaved: bool,
    /// What is on the disk names hosts that their user went to.
    hosts_on_disk: bool,
    /// What was set aside: what it is about, and the sentence.
    said: Vec<(String, String)>,
}

impl Lists {
    /// With what the last run remembered. Blocking.
    pub(crate) fn open(data_dir: PathBuf) -> Self {
        let (records, said) = Records::open(&data_dir, millis(SystemTime::now()));
        Self {
            data_dir,
            hosts_on_disk: records != records.clone().without_hosts(),
            records,
            said: said
                .map(|said| ("lists".to_owned(), said))
                .into_iter()
                .collect(),
            ..Self::default()
        }
    }

    /// Reads what the new configuration names; lists that did not change are kept. Blocking: files are read and parsed.
    pub(crate) fn load(&mut self, filter: &Filter) {
        let now = SystemTime::now();
        let mut before = std::mem::take(&mut self.known);
        for setting in &filter.lists {
            let place = before.iter().position(|known| known.is_of(setting));
            let mut known = match place {
                Some(place) => before.swap_remove(place).with(setting),
                None => Known::new(setting, &mut self.records, now),
            };
            if setting.enabled {
                self.said.extend(known.read(&self.data_dir));
                known.begin_to_count(now);
            }
            self.known.push(known);
            self.unsaved = true;
        }
        for mut gone in before {
            gone.book(millis(now));
            self.records
                .lay_by(&gone.setting.name, gone.record, millis(now));
            self.unsaved = true;
        }
    }

    /// The lists that filter or count.
    pub(crate) fn active(&mut self) -> Vec<Arc<List>> {
        let now = SystemTime::now();
        let enabled = self.known.iter_mut().filter(|known| known.setting.enabled);
        enabled.filter_map(|known| known.ready(now)).collect()
    }

    /// The file that each list's text in force came from.
    pub(crate) fn texts(&self) -> BTreeMap<String, PathBuf> {
        let texts = self.known.iter();
        texts
            .filter_map(|known| Some((known.setting.name.clone(), known.text.clone()?)))
            .collect()
    }

    pub(crate) fn states(&self) -> Vec<ListState> {
        let now = SystemTime::now();
        self.known.iter().map(|known| known.state(now)).collect()
    }

    pub(crate) fn is_fetching(&self, name: &str) -> bool {
        let mut all = self.known.iter();
        all.any(|known| known.setting.name == name && known.fetching)
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.known.iter().any(|known| known.setting.name == name)
    }

    /// A probation that ended since the lists were handed to the policy.
    pub(crate) fn probation_over(&self, now: SystemTime) -> Option<&str> {
        let over = |known: &&Known| known.counted && known.counting_until(now).is_none();
        self.known
            .iter()
            .find(over)
            .map(|known| known.setting.name.as_str())
    }

    /// The files that lists are read from.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let enabled = self.known.iter().filter(|known| known.setting.enabled);
        enabled
            .filter_map(|known| match &known.setting.source {
                ListSource::Path(path) => Some(path.clone()),
                ListSource::Url(_) => None,
            })
            .collect()
    }

    /// Adds what the data plane counted to the figures that last.
    pub(crate) fn book(&mut self, now: SystemTime) {
        for known in &mut self.known {
            self.unsaved |= known.book(millis(now));
        }
    }

    /// The fetched lists whose time has come, or all of `only`; each is marked as under way.
    pub(crate) fn due(&mut self, now: SystemTime, only: Option<&str>) -> Vec<Due> {
        let all = self.known.iter_mut();
        all.filter_map(|known| known.due(now, only)).collect()
    }

    /// Reads again one list, or those whose file has changed. Blocking.
    pub(crate) fn reread(&mut self, only: Option<&str>) {
        for known in &mut self.known {
            match only {
                Some(name) if known.setting.name == name => known.written = None,
                Some(_) => continue,
                None => {}
            }
            if known.setting.enabled {
                self.said.extend(known.read(&self.data_dir));
                known.begin_to_count(SystemTime::now());
            }
        }
    }

    /// What has to be written, if something has; where it may not name `hosts` that their user went to, also if it does.
    pub(crate) fn unsaved(&mut self, hosts: bool) -> Option<Records> {
        let too_much = self.hosts_on_disk && !hosts;
        if !std::mem::take(&mut self.unsaved) && !too_much {
            return None;
        }
        self.hosts_on_disk = hosts;
        let standing = self.known.iter();
        let standing = standing.map(|known| (known.setting.name.as_str(), &known.record));
        let records = self.records.with(standing);
        Some(match hosts {
            true => records,
            false => records.without_hosts(),
        })
    }

    /// What [`Self::unsaved`] gave did not reach the disk.
    pub(crate) fn not_saved(&mut self) {
        self.unsaved = true;
    }

    /// What was set aside since the last call: what it is about, and the sentence.
    pub(crate) fn said(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.said)
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
    fn visited_hosts_leave_the_disk_where_connections_may_not_be_on_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lists/state.json");
        let written = || std::fs::read_to_string(&file).unwrap();
        let filter = filter(Duration::ZERO);
        let mut one = lists(folder.path(), &filter);
        let now = std::time::SystemTime::now();
        one.arrived("ads", URL, now, text("a.test\n", &[]));
        one.arrived("ads", URL, now, text("b.test\n", &["mine.test"]));
        let figures = &mut one.known[0].record.figures;
        figures.add_would_block(3, [("seen.test", 3)]);
        one.unsaved(true).unwrap().write(folder.path()).unwrap();
        assert!(written().contains("mine.test") && written().contains("seen.test"));
        assert!(one.unsaved(true).is_none());

        let mut two = lists(folder.path(), &filter);
        let _ = two.unsaved(true);
        let records = two.unsaved(false).expect("the hosts have to go");
        records.write(folder.path()).unwrap();
        assert!(!written().contains("mine.test") && !written().contains("seen.test"));
        assert!(two.unsaved(false).is_none());
        assert_eq!(two.states()[0].would_block_hosts.len(), 1, "in memory");

        let mut three = lists(folder.path(), &filter);
        let state = &three.states()[0];
        let held = state.held.as_ref().expect("it is held back still");
        assert_eq!(held.text, "it would block sites that you use");
        assert_eq!(state.would_block, 3);
        let _ = three.unsaved(false);
        assert!(three.unsaved(false).is_none());
    }
}
