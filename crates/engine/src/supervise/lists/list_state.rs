//! One list: what is known of it, when it is read and when it is fetched.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use privet_config::{FilterList, ListSource};
use privet_policy::{List, ListHitCounter};

use super::list_versions::{Facts, Shelf};
use super::read::{Parsed, Shelved, read_file, read_shelf};
use super::record::{Record, Records};
use super::status::{millis, moment};
use super::store::Due;

/// A list that failed is asked for again sooner than one that stands.
const RETRY: Duration = Duration::from_secs(300);

#[derive(Clone)]
pub(super) struct Known {
    pub(super) setting: FilterList,
    /// When the file was written and how long it was, for lists from files.
    pub(super) written: Option<(SystemTime, u64)>,
    pub(super) parsed: Option<Parsed>,
    pub(super) error: Option<String>,
    pub(super) fetching: bool,
    /// Unix milliseconds of the last try, good or not.
    pub(super) tried: u64,
    pub(super) record: Record,
    /// Of the data plane; the same over reloads.
    hit_counter: Arc<ListHitCounter>,
    /// What of the hit_counter is in the record's figures.
    booked: (u64, u64),
    /// It was on probation when it was last handed to the policy.
    pub(super) counted: bool,
    /// The texts on the shelf, the newest first.
    pub(super) shelved: Vec<Facts>,
    /// The one of them that is in force.
    pub(super) in_force: Option<u64>,
    /// The file that the text in force came from.
    pub(super) text: Option<PathBuf>,
}

impl Known {
    pub(super) fn new(setting: &FilterList, records: &mut Records, now: SystemTime) -> Self {
        let source = match &setting.source {
            ListSource::Path(path) => path.display().to_string(),
            ListSource::Url(url) => url.clone(),
        };
        Self {
            setting: setting.clone(),
            written: None,
            parsed: None,
            error: None,
            fetching: false,
            tried: 0,
            record: records.take(&setting.name, &source, millis(now)),
            hit_counter: Arc::default(),
            booked: (0, 0),
            counted: false,
            shelved: Vec::new(),
            in_force: None,
            text: None,
        }
    }

    pub(super) fn is_of(&self, setting: &FilterList) -> bool {
        self.setting.name == setting.name && self.setting.source == setting.source
    }

    /// The same list as the file describes it now; another format has to be read anew.
    pub(super) fn with(self, setting: &FilterList) -> Self {
        let same = self.setting.format == setting.format;
        Self {
            parsed: self.parsed.filter(|_| same),
            setting: setting.clone(),
            ..self
        }
    }

    /// What was set aside on the way.
    pub(super) fn read(&mut self, data_dir: &Path) -> Vec<(String, String)> {
        match self.setting.source.clone() {
            ListSource::Path(path) => self.read_file(&path),
            ListSource::Url(url) if self.parsed.is_none() => {
                return self.read_shelf(data_dir, &url);
            }
            ListSource::Url(_) => {}
        }
        Vec::new()
    }

    fn read_file(&mut self, path: &Path) {
        let facts = std::fs::metadata(path).ok();
        let written = facts.and_then(|facts| Some((facts.modified().ok()?, facts.len())));
        if self.parsed.is_some() && written.is_some() && written == self.written {
            return;
        }
        self.written = written;
        match read_file(path, &self.setting) {
            Ok(parsed) => {
                self.parsed = Some(parsed);
                self.text = Some(path.to_owned());
                self.error = None;
            }
            Err(text) => self.error = Some(text),
        }
    }

    fn read_shelf(&mut self, data_dir: &Path, url: &str) -> Vec<(String, String)> {
        let shelf = Shelf::of(data_dir, &self.setting.name);
        let Shelved { standing, said } = read_shelf(&shelf, &self.setting, url, self.record.pinned);
        self.shelved = shelf.versions(url);
        if let Some((facts, parsed)) = standing {
            let checked = facts.checked.saturating_mul(1000);
            self.record.checked = self.record.checked.max(checked);
            self.stand(&shelf, facts.id, parsed);
        }
        if !said.is_empty() || self.parsed.is_none() {
            // What was lost is asked for at once, and whole.
            self.record.checked = 0;
        }
        if self.record.pinned != self.in_force {
            self.record.pinned = None;
        }
        let about = format!("list-file:{}", self.setting.name);
        let name = &self.setting.name;
        said.into_iter()
            .map(|said| (about.clone(), format!("list {name:?}: {said}")))
            .collect()
    }

    /// This version is the one in force.
    pub(super) fn stand(&mut self, shelf: &Shelf, id: u64, parsed: Parsed) {
        self.text = Some(shelf.text_path(id));
        self.parsed = Some(parsed);
        self.in_force = Some(id);
    }

    /// A list that has a text and a probation counts from now on, if it does not already.
    pub(super) fn begin_to_count(&mut self, now: SystemTime) {
        let now = millis(now);
        // A clock that was set back must not have it count for ever.
        let begun = self.record.counting_since.is_some_and(|at| at <= now);
        if !begun && !self.setting.probation.is_zero() && self.parsed.is_some() {
            self.record.counting_since = Some(now);
        }
    }

    pub(super) fn counting_until(&self, now: SystemTime) -> Option<SystemTime> {
        self.record.counting_until(self.setting.probation, now)
    }

    /// As the policy asks it.
    pub(super) fn ready(&mut self, now: SystemTime) -> Option<Arc<List>> {
        let until = self.counting_until(now);
        self.counted = until.is_some();
        let list = &self.parsed.as_ref()?.list;
        Some(Arc::new(
            list.with_hit_counter(self.hit_counter.clone(), until),
        ))
    }

    /// What the hit_counter has beyond the figures: hits, and connections that would have been blocked.
    pub(super) fn unbooked(&self) -> (u64, u64) {
        let (hits, would) = self.booked;
        (
            self.hit_counter.hits().saturating_sub(hits),
            self.hit_counter.would_block().saturating_sub(would),
        )
    }

    /// Whether there was something to add.
    pub(super) fn book(&mut self, now: u64) -> bool {
        let (hits, would) = self.unbooked();
        if hits > 0 {
            self.record.figures.add_hits(hits, now);
            self.booked.0 += hits;
        }
        if would > 0 {
            let hosts = self.hit_counter.take_hosts();
            self.record.figures.add_would_block(would, hosts);
            self.booked.1 += would;
        }
        hits + would > 0
    }

    pub(super) fn due(&mut self, now: SystemTime, only: Option<&str>) -> Option<Due> {
        let ListSource::Url(url) = &self.setting.source else {
            return None;
        };
        let wanted = match only {
            Some(name) => name == self.setting.name && self.record.pinned.is_none(),
            // A clock that was set back must not keep a list for ever.
            None => self.next()? <= now || moment(self.tried.max(self.record.checked)) > now,
        };
        if self.fetching || !self.setting.enabled || !wanted {
            return None;
        }
        let held = self.record.held.as_ref().map(|held| held.facts.clone());
        let known = held.or_else(|| self.shelved.first().cloned());
        let due = Due {
            name: self.setting.name.clone(),
            url: url.clone(),
            format: self.setting.format,
            known: known.filter(|_| self.parsed.is_some()),
            guarded: self.parsed.is_some() && self.counting_until(now).is_none(),
        };
        self.fetching = true;
        Some(due)
    }

    /// When it is asked for anew; `None`: a file, turned off, or held at a version.
    pub(super) fn next(&self) -> Option<SystemTime> {
        let fetched = matches!(self.setting.source, ListSource::Url(_));
        if !fetched || !self.setting.enabled || self.record.pinned.is_some() {
            return None;
        }
        moment(self.tried.max(self.record.checked)).checked_add(self.pace())
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
    fn a_failed_fetch_is_not_repeated_at_once_where_the_clock_was_set_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut lists = lists(folder.path(), &filter(Duration::ZERO));
        let now = SystemTime::now();
        lists.arrived("ads", URL, now, text("a.test\n", &[]));
        let before = now - DAY;
        assert_eq!(lists.due(before, None).len(), 1);
        lists.arrived("ads", URL, before, Err("no route".to_owned()));
        assert!(lists.due(before, None).is_empty());
        assert_eq!(lists.due(before + RETRY, None).len(), 1);
    }

    #[test]
    fn a_probation_that_would_begin_in_the_future_begins_now() {
        let folder = tempfile::tempdir().unwrap();
        let mut lists = lists(folder.path(), &filter(DAY));
        let now = SystemTime::now();
        lists.arrived("ads", URL, now + 9 * DAY, text("a.test\n", &[]));
        let known = &mut lists.known[0];
        for (at, until) in [(now, now + DAY), (now + DAY / 2, now + DAY)] {
            known.begin_to_count(at);
            assert_eq!(known.counting_until(at).map(millis), Some(millis(until)));
        }
    }
}
