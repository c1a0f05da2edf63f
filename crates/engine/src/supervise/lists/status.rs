//! A list as the API shows it.

use std::time::{Duration, SystemTime};

use privet_config::ListSource;
use serde::Serialize;

use super::list_state::Known;
use super::record::{Held, Record};

/// Hosts that are shown of what a list would block.
const SHOWN_HOSTS: usize = 20;
/// Sites that are shown of what an update would block.
const SHOWN_SITES: usize = 10;

/// What a list does now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ListPhase {
    #[default]
    Off,
    /// It has no text yet.
    Waiting,
    /// On probation: it counts what it would block, and blocks nothing.
    Counting,
    Blocking,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct ListState {
    pub name: String,
    pub source: String,
    pub enabled: bool,
    pub phase: ListPhase,
    /// What the format was found to be, once read.
    pub format: Option<String>,
    pub entries: u64,
    /// Lines that could not be used.
    pub skipped: u64,
    pub bytes: u64,
    /// Connections it blocked, since `since`.
    pub hits: u64,
    /// Those of the last 24 hours.
    pub hits_day: u64,
    /// Unix milliseconds.
    pub since: u64,
    /// Unix milliseconds at which its text came.
    pub updated: Option<u64>,
    /// Unix milliseconds of its server's last good answer.
    pub checked: Option<u64>,
    /// Unix milliseconds at which it is asked for anew.
    pub next: Option<u64>,
    /// Why the newest read or fetch failed; the last good list stays in force.
    pub error: Option<String>,
    /// What to do about it.
    pub mend: Option<String>,
    /// Unix milliseconds; on probation until then.
    pub counting_until: Option<u64>,
    /// Connections it would have blocked on probation.
    pub would_block: u64,
    /// The hosts behind them, those with most connections first.
    pub would_block_hosts: Vec<(String, u64)>,
    pub held: Option<HeldUpdate>,
    /// The user went back to an earlier version, and no update is taken.
    pub pinned: bool,
    /// The good versions that are kept, the newest first.
    pub versions: Vec<Version>,
}

/// An update that is not in force, since it would block sites that their user goes to.
#[derive(Debug, Clone, Serialize)]
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
#[derive(Debug, Clone, Serialize)]
pub struct Version {
    /// Unix milliseconds of its arrival.
    pub arrived: u64,
    pub entries: u64,
    pub bytes: u64,
    pub in_force: bool,
}

impl Known {
    pub(super) fn state(&self, now: SystemTime) -> ListState {
        let stats = self.parsed.as_ref().map(|parsed| parsed.list.stats());
        let figures = &self.record.figures;
        let until = self.counting_until(now);
        let now_ms = millis(now);
        let (unbooked_hits, unbooked_would) = self.unbooked();
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
            skipped: stats.map_or(0, |stats| stats.skipped as u64),
            bytes: stats.map_or(0, |stats| stats.bytes),
            hits: figures.hits + unbooked_hits,
            hits_day: figures.of_day(now_ms) + unbooked_hits,
            since: figures.since,
            updated: self.parsed.as_ref().map(|parsed| millis(parsed.read)),
            checked: Some(self.record.checked).filter(|at| *at > 0),
            next: self.next().map(millis),
            error: self.error.clone(),
            mend: self.error.as_ref().map(|_| self.mend()),
            counting_until: until.map(millis),
            would_block: figures.would_block + unbooked_would,
            would_block_hosts: figures.top_hosts(SHOWN_HOSTS),
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

    /// What to do about an error.
    fn mend(&self) -> String {
        let stays = match self.parsed {
            Some(_) => "the last good version stays in force",
            None => "until then it blocks nothing",
        };
        match &self.setting.source {
            ListSource::Path(_) => {
                format!("mend the file: it is read again when it changes; {stays}")
            }
            ListSource::Url(_) => format!(
                "it is asked for again within minutes, and {stays}; look at the address and at the route, or set enabled = false"
            ),
        }
    }

    fn versions(&self) -> Vec<Version> {
        let of = |facts: &super::Facts| Version {
            arrived: facts.id,
            entries: facts.entries,
            bytes: facts.bytes,
            in_force: Some(facts.id) == self.in_force,
        };
        self.shelved.iter().map(of).collect()
    }
}

fn held(held: &Held) -> HeldUpdate {
    let sites = held.sites.iter().take(SHOWN_SITES);
    HeldUpdate {
        arrived: held.facts.id,
        entries: held.facts.entries,
        declined: held.declined,
        text: held.sentence(),
        sites: sites
            .map(|site| (site.host.clone(), site.connections))
            .collect(),
    }
}

/// Unix milliseconds.
pub(super) fn millis(at: SystemTime) -> u64 {
    let since = at
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The moment of Unix milliseconds.
pub(super) fn moment(millis: u64) -> SystemTime {
    let since = Duration::from_millis(millis);
    SystemTime::UNIX_EPOCH
        .checked_add(since)
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

impl Record {
    /// Until when a list with this much probation only counts, if it still does.
    pub(super) fn counting_until(
        &self,
        probation: Duration,
        now: SystemTime,
    ) -> Option<SystemTime> {
        if probation.is_zero() {
            return None;
        }
        let until = moment(self.counting_since?).checked_add(probation)?;
        Some(until).filter(|until| now < *until)
    }
}
