//! A list's state as the API reports it.

use std::time::SystemTime;

use privet_config::ListSource;
use privet_config::unix_time::unix_ms;

use super::entry::ListEntry;
use super::record::HeldVersion;
use super::versions::VersionInfo;

/// Maximum number of hosts reported for a list on probation.
const MAX_SHOWN_HOSTS: usize = 20;
/// Maximum number of sites reported for a held update.
const MAX_SHOWN_SITES: usize = 10;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ListPhase {
    #[default]
    Off,
    /// It has no text yet.
    Waiting,
    /// On probation: counts what it would block, blocks nothing.
    Counting,
    Blocking,
}

#[derive(Debug, Clone, Default)]
pub struct ListState {
    pub name: String,
    pub source: String,
    pub enabled: bool,
    pub phase: ListPhase,
    /// Detected format, once read.
    pub format: Option<String>,
    pub entries: u64,
    /// Those of `entries` that hold for every connection, HTTPS too; the others need a URL.
    pub host_entries: u64,
    /// Lines that could not be used.
    pub skipped: u64,
    pub bytes: u64,
    /// Connections blocked since `since`.
    pub hits: u64,
    /// Connections blocked in the last 24 hours.
    pub hits_day: u64,
    /// Unix milliseconds.
    pub since: u64,
    /// Unix milliseconds of its text's arrival.
    pub updated: Option<u64>,
    /// Unix milliseconds of the server's last good response.
    pub checked: Option<u64>,
    /// Unix milliseconds of the next fetch.
    pub next: Option<u64>,
    /// Why the last read or fetch failed; the last good text stays active.
    pub error: Option<String>,
    /// What to do about the error.
    pub fix: Option<String>,
    /// Why the active text could not be stored: it is used from memory.
    pub not_stored: Option<String>,
    /// Unix milliseconds; on probation until then.
    pub counting_until: Option<u64>,
    /// Connections it would have blocked on probation.
    pub would_block: u64,
    /// Hosts of those connections, most connections first.
    pub would_block_hosts: Vec<(String, u64)>,
    pub held: Option<HeldUpdate>,
    /// The user rolled back to an earlier version; no update is taken.
    pub pinned: bool,
    /// Stored good versions, newest first.
    pub versions: Vec<ListVersion>,
}

/// An update that is not active because it would block sites that the user visits.
#[derive(Debug, Clone)]
pub struct HeldUpdate {
    /// Unix milliseconds of its arrival.
    pub arrived: u64,
    pub entries: u64,
    /// The user chose to keep the old version.
    pub declined: bool,
    /// "it would block example.com (212 connections this week)"
    pub text: String,
    /// Each with its connections of the last seven days.
    pub sites: Vec<(String, u64)>,
}

/// A good text of a list.
#[derive(Debug, Clone)]
pub struct ListVersion {
    /// Unix milliseconds of its arrival.
    pub arrived: u64,
    pub entries: u64,
    pub bytes: u64,
    pub active: bool,
}

impl ListEntry {
    pub(super) fn state(&self, now: SystemTime) -> ListState {
        let stats = self.parsed.as_ref().map(|parsed| parsed.list.stats());
        let statistics = &self.record.statistics;
        let until = self.counting_until(now);
        let now_ms = unix_ms(now);
        let (unrecorded_hits, unrecorded_would_block) = self.unrecorded();
        ListState {
            name: self.setting.name.clone(),
            source: self.source(),
            enabled: self.setting.enabled,
            phase: match (self.setting.enabled, stats, until) {
                (false, _, _) => ListPhase::Off,
                (true, None, _) => ListPhase::Waiting,
                (true, Some(_), Some(_)) => ListPhase::Counting,
                (true, Some(_), None) => ListPhase::Blocking,
            },
            format: stats.map(|stats| stats.format.as_str().to_owned()),
            entries: stats.map_or(0, |stats| stats.entries as u64),
            host_entries: stats.map_or(0, |stats| stats.host_entries as u64),
            skipped: stats.map_or(0, |stats| stats.skipped as u64),
            bytes: stats.map_or(0, |stats| stats.bytes),
            hits: statistics.hits + unrecorded_hits,
            hits_day: statistics.last_day(now_ms) + unrecorded_hits,
            since: statistics.since,
            updated: self.parsed.as_ref().map(|parsed| unix_ms(parsed.read)),
            checked: Some(self.record.checked).filter(|at| *at > 0),
            next: self.next().map(unix_ms),
            error: self.error.clone(),
            fix: self.error.as_ref().map(|_| self.fix()),
            not_stored: self.storage_error.clone(),
            counting_until: until.map(unix_ms),
            would_block: statistics.would_block + unrecorded_would_block,
            would_block_hosts: statistics.top_hosts(MAX_SHOWN_HOSTS),
            held: self.record.held.as_ref().map(held),
            pinned: self.record.pinned.is_some(),
            versions: self.versions(),
        }
    }

    fn source(&self) -> String {
        match &self.setting.source {
            ListSource::Path(path) => path.display().to_string(),
            ListSource::Url(url) => url.clone(),
        }
    }

    fn fix(&self) -> String {
        let stays = match self.parsed {
            Some(_) => "the last good version stays active",
            None => "until then it blocks nothing",
        };
        match &self.setting.source {
            ListSource::Path(_) => {
                format!("correct the file: it is read again when it changes; {stays}")
            }
            ListSource::Url(_) => format!(
                "it is fetched again within minutes, and {stays}; check the address and the route, or set enabled = false"
            ),
        }
    }

    fn versions(&self) -> Vec<ListVersion> {
        let of = |info: &VersionInfo| ListVersion {
            arrived: info.id,
            entries: info.entries,
            bytes: info.bytes,
            active: Some(info.id) == self.active_version,
        };
        self.versions.iter().map(of).collect()
    }
}

fn held(held: &HeldVersion) -> HeldUpdate {
    let sites = held.sites.iter().take(MAX_SHOWN_SITES);
    HeldUpdate {
        arrived: held.info.id,
        entries: held.info.entries,
        declined: held.declined,
        text: held.sentence(),
        sites: sites
            .map(|site| (site.host.clone(), site.connections))
            .collect(),
    }
}
