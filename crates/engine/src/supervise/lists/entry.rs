//! One configured list: its text, its record, and when it is read or fetched next.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use privet_config::unix_time::{from_unix_ms, unix_ms};
use privet_config::{FilterList, ListSource};
use privet_policy::{List, ListHitCounter};

use super::fetch_job::FetchJob;
use super::notice::Notice;
use super::read::{ParsedList, StoredList, read_file, read_stored};
use super::record::{ListRecord, ListRecords};
use super::versions::{VersionInfo, VersionStore};

/// Retry interval after a failed fetch, unless `refresh` is shorter.
const RETRY: Duration = Duration::from_secs(300);

#[derive(Clone)]
pub(super) struct ListEntry {
    pub(super) setting: FilterList,
    /// For lists from files: modification time and size when the file was last read.
    pub(super) file_stamp: Option<(SystemTime, u64)>,
    pub(super) parsed: Option<ParsedList>,
    pub(super) error: Option<String>,
    /// Why the active text is in memory only.
    pub(super) storage_error: Option<String>,
    pub(super) fetching: bool,
    /// Unix milliseconds of the last fetch attempt, successful or not.
    pub(super) last_attempt_ms: u64,
    pub(super) record: ListRecord,
    /// Shared with the data plane; kept over reloads.
    hit_counter: Arc<ListHitCounter>,
    /// How much of the hit counter the record's statistics already contain: hits, would-block.
    recorded_hits: (u64, u64),
    /// Whether it was on probation when it was last passed to the policy.
    pub(super) was_on_probation: bool,
    /// Stored versions, newest first.
    pub(super) versions: Vec<VersionInfo>,
    /// Id of the active version.
    pub(super) active_version: Option<u64>,
    /// File that the active text was read from.
    pub(super) text_path: Option<PathBuf>,
}

impl ListEntry {
    pub(super) fn new(setting: &FilterList, records: &mut ListRecords, now: SystemTime) -> Self {
        let source = match &setting.source {
            ListSource::Path(path) => path.display().to_string(),
            ListSource::Url(url) => url.clone(),
        };
        Self {
            setting: setting.clone(),
            file_stamp: None,
            parsed: None,
            error: None,
            storage_error: None,
            fetching: false,
            last_attempt_ms: 0,
            record: records.take(&setting.name, &source, unix_ms(now)),
            hit_counter: Arc::default(),
            recorded_hits: (0, 0),
            was_on_probation: false,
            versions: Vec::new(),
            active_version: None,
            text_path: None,
        }
    }

    pub(super) fn is_for(&self, setting: &FilterList) -> bool {
        self.setting.name == setting.name && self.setting.source == setting.source
    }

    /// Takes a changed setting of the same list; a changed format forces the text to be read again.
    pub(super) fn with(self, setting: &FilterList) -> Self {
        let same = self.setting.format == setting.format;
        Self {
            parsed: self.parsed.filter(|_| same),
            setting: setting.clone(),
            ..self
        }
    }

    /// Reads the text if needed. Returns a notice for every stored version that was set aside. Blocking.
    pub(super) fn read(&mut self, data_dir: &Path) -> Vec<Notice> {
        match self.setting.source.clone() {
            ListSource::Path(path) => self.read_file(&path),
            ListSource::Url(url) if self.parsed.is_none() => {
                return self.read_stored(data_dir, &url);
            }
            ListSource::Url(_) => {}
        }
        Vec::new()
    }

    fn read_file(&mut self, path: &Path) {
        let info = std::fs::metadata(path).ok();
        let file_stamp = info.and_then(|info| Some((info.modified().ok()?, info.len())));
        if self.parsed.is_some() && file_stamp.is_some() && file_stamp == self.file_stamp {
            return;
        }
        self.file_stamp = file_stamp;
        match read_file(path, &self.setting) {
            Ok(parsed) => {
                self.parsed = Some(parsed);
                self.text_path = Some(path.to_owned());
                self.error = None;
            }
            Err(text) => self.error = Some(text),
        }
    }

    fn read_stored(&mut self, data_dir: &Path, url: &str) -> Vec<Notice> {
        let store = VersionStore::of(data_dir, &self.setting.name);
        let StoredList { active, notices } =
            read_stored(&store, &self.setting, url, self.record.pinned);
        self.versions = store.versions(url);
        if let Some((info, parsed)) = active {
            let checked = info.checked.saturating_mul(1000);
            self.record.checked = self.record.checked.max(checked);
            self.activate(&store, info.id, parsed);
        }
        if !notices.is_empty() || self.parsed.is_none() {
            // Fetch the lost version again, unconditionally, at the next tick.
            self.record.checked = 0;
        }
        if self.record.pinned != self.active_version {
            self.record.pinned = None;
        }
        let about = format!("list-file:{}", self.setting.name);
        let name = &self.setting.name;
        notices
            .into_iter()
            .map(|text| Notice {
                about: about.clone(),
                text: format!("list {name:?}: {text}"),
            })
            .collect()
    }

    /// Makes this version the active one.
    pub(super) fn activate(&mut self, store: &VersionStore, id: u64, parsed: ParsedList) {
        self.storage_error = None;
        self.text_path = Some(store.text_path(id));
        self.parsed = Some(parsed);
        self.active_version = Some(id);
    }

    /// Starts the probation of a list that has a text, unless it has started already.
    pub(super) fn start_probation(&mut self, now: SystemTime) {
        let now = unix_ms(now);
        // Guards against a clock that was set back: the probation must end.
        let begun = self.record.counting_since.is_some_and(|at| at <= now);
        if !begun && !self.setting.probation.is_zero() && self.parsed.is_some() {
            self.record.counting_since = Some(now);
        }
    }

    pub(super) fn counting_until(&self, now: SystemTime) -> Option<SystemTime> {
        self.record.counting_until(self.setting.probation, now)
    }

    /// The list as the policy evaluates it; `None` while it has no text.
    pub(super) fn policy_list(&mut self, now: SystemTime) -> Option<Arc<List>> {
        let until = self.counting_until(now);
        self.was_on_probation = until.is_some();
        let list = &self.parsed.as_ref()?.list;
        Some(Arc::new(
            list.with_hit_counter(self.hit_counter.clone(), until)
                .with_private_addresses(self.setting.private_addresses),
        ))
    }

    /// Counts not yet contained in the statistics: hits, and connections that would have been blocked.
    pub(super) fn unrecorded(&self) -> (u64, u64) {
        let (hits, would) = self.recorded_hits;
        (
            self.hit_counter.hits().saturating_sub(hits),
            self.hit_counter.would_block().saturating_sub(would),
        )
    }

    /// Adds new counts to the statistics. Returns whether there were any.
    pub(super) fn record_hits(&mut self, now: u64) -> bool {
        let (hits, would) = self.unrecorded();
        if hits > 0 {
            self.record.statistics.add_hits(hits, now);
            self.recorded_hits.0 += hits;
        }
        if would > 0 {
            let hosts = self.hit_counter.take_hosts();
            self.record.statistics.add_would_block(would, hosts);
            self.recorded_hits.1 += would;
        }
        hits + would > 0
    }

    pub(super) fn take_fetch(&mut self, now: SystemTime, only: Option<&str>) -> Option<FetchJob> {
        let ListSource::Url(url) = &self.setting.source else {
            return None;
        };
        let wanted = match only {
            Some(name) => name == self.setting.name && self.record.pinned.is_none(),
            // Guards against a clock that was set back: the list must be fetched again.
            None => {
                self.next()? <= now
                    || from_unix_ms(self.last_attempt_ms.max(self.record.checked)) > now
            }
        };
        if self.fetching || !self.setting.enabled || !wanted {
            return None;
        }
        let held = self.record.held.as_ref().map(|held| held.info.clone());
        let stored = held.or_else(|| self.versions.first().cloned());
        let job = FetchJob {
            name: self.setting.name.clone(),
            url: url.clone(),
            format: self.setting.format,
            // A text that is in memory only is asked for whole.
            stored: stored.filter(|_| self.parsed.is_some() && self.storage_error.is_none()),
            check_own_sites: self.parsed.is_some() && self.counting_until(now).is_none(),
        };
        self.fetching = true;
        Some(job)
    }

    /// When it is fetched next; `None` for a file, a disabled list and a pinned version.
    pub(super) fn next(&self) -> Option<SystemTime> {
        let fetched = matches!(self.setting.source, ListSource::Url(_));
        if !fetched || !self.setting.enabled || self.record.pinned.is_some() {
            return None;
        }
        from_unix_ms(self.last_attempt_ms.max(self.record.checked)).checked_add(self.pace())
    }

    fn pace(&self) -> Duration {
        if self.error.is_some() || self.parsed.is_none() {
            RETRY.min(self.setting.refresh)
        } else {
            self.setting.refresh
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::update::tests::{URL, filter, lists, text};
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn a_failed_fetch_is_not_repeated_at_once_after_the_clock_was_set_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut lists = lists(folder.path(), &filter(Duration::ZERO));
        let now = SystemTime::now();
        lists.apply_fetch("ads", URL, now, text("a.test\n", &[]));
        let before = now - DAY;
        assert_eq!(lists.take_fetches(before, None).len(), 1);
        lists.apply_fetch("ads", URL, before, Err("no route".to_owned()));
        assert!(lists.take_fetches(before, None).is_empty());
        assert_eq!(lists.take_fetches(before + RETRY, None).len(), 1);
    }

    #[test]
    fn a_probation_with_a_start_in_the_future_starts_now() {
        let folder = tempfile::tempdir().unwrap();
        let mut lists = lists(folder.path(), &filter(DAY));
        let now = SystemTime::now();
        lists.apply_fetch("ads", URL, now + 9 * DAY, text("a.test\n", &[]));
        let entry = &mut lists.entries[0];
        for (at, until) in [(now, now + DAY), (now + DAY / 2, now + DAY)] {
            entry.start_probation(at);
            assert_eq!(entry.counting_until(at).map(unix_ms), Some(unix_ms(until)));
        }
    }
}
