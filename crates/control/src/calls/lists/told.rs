//! What is told of blocklists, and what is asked for.

use privet_engine::{ListPhase, ListState};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::catalogue;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Lists {
    pub lists: Vec<List>,
}

/// One blocklist.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct List {
    #[schema(example = "local ads")]
    pub name: String,
    /// A path or a URL.
    pub source: String,
    /// What the format was found to be, once read.
    pub format: Option<String>,
    pub enabled: bool,
    /// "off", "waiting" for its first text, "counting" on probation, or "blocking".
    #[schema(example = "blocking")]
    pub state: String,
    /// Entries in force.
    pub entries: u64,
    /// Lines that could not be used.
    pub skipped: u64,
    /// Bytes of its text.
    pub bytes: u64,
    /// Connections it blocked since `since_ms`, over reloads and restarts.
    pub hits: u64,
    /// Those of the last 24 hours.
    pub hits_day: u64,
    /// Since when all is counted, in milliseconds since 1970.
    pub since_ms: u64,
    /// When the text in force came, in milliseconds since 1970.
    pub updated_ms: Option<u64>,
    /// When its server last answered well, in milliseconds since 1970.
    pub checked_ms: Option<u64>,
    /// When it is asked for anew, in milliseconds since 1970; `null`: it is a file, off, or held at a version.
    pub next_refresh_ms: Option<u64>,
    /// Why the last try failed; the last good list stays in force.
    pub error: Option<String>,
    /// What to do about the error.
    pub mend: Option<String>,
    /// It only counts until then, in milliseconds since 1970; `null`: it is not on probation.
    pub counting_until_ms: Option<u64>,
    /// What it would have blocked while it only counted.
    pub would_block: WouldBlock,
    /// An update that is not in force, since it would block sites that their user goes to.
    pub held: Option<HeldUpdate>,
    /// An earlier version was put back, and no update is taken until resumed.
    pub pinned: bool,
    /// The good versions that are kept, the newest first; none of a list that is a file.
    pub versions: Vec<ListVersion>,
}

/// What a list on probation would have blocked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WouldBlock {
    pub connections: u64,
    /// At most twenty, those with most connections first.
    pub hosts: Vec<HostCount>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostCount {
    pub host: String,
    pub connections: u64,
}

/// An update that is held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeldUpdate {
    /// When it came, in milliseconds since 1970.
    pub arrived_ms: u64,
    pub entries: u64,
    /// The old version is to be kept; nothing is asked about this update any more.
    pub declined: bool,
    #[schema(example = "it would block example.com (212 connections this week)")]
    pub text: String,
    /// At most ten, each with its connections of the last seven days.
    pub sites: Vec<HostCount>,
}

/// A good text of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListVersion {
    /// When it came, in milliseconds since 1970.
    pub arrived_ms: u64,
    pub entries: u64,
    pub bytes: u64,
    pub in_force: bool,
}

/// What can be done with a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Act {
    /// Puts the update in force that is held back.
    Accept,
    /// Keeps the version in force and asks no more about that update.
    Keep,
    /// Puts the version before the one in force in its place; no update is taken until resumed.
    Rollback,
    /// Puts the newest version in force and takes updates again.
    Resume,
    /// Ends the probation: it blocks from now on.
    Block,
    /// Turns it on.
    Enable,
    /// Turns it off.
    Disable,
}

/// A list to be added: one of the catalogue by its `id`, or any by `name` and `source`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ListWish {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "easylist")]
    pub id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A path or a URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// As in the configuration [default: as the catalogue says, or "auto"].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// As in the configuration [default: as the catalogue says, or "24h"].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh: Option<String>,
    /// For so long it only counts; "0": it blocks at once [default: "24h"].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probation: Option<String>,
}

/// Well-known lists that can be added.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Catalogue {
    pub lists: Vec<catalogue::Entry>,
}

impl From<ListState> for List {
    fn from(state: ListState) -> Self {
        let phase = match state.phase {
            ListPhase::Off => "off",
            ListPhase::Waiting => "waiting",
            ListPhase::Counting => "counting",
            ListPhase::Blocking => "blocking",
        };
        Self {
            name: state.name,
            source: state.source,
            format: state.format,
            enabled: state.enabled,
            state: phase.to_owned(),
            entries: state.entries,
            skipped: state.skipped,
            bytes: state.bytes,
            hits: state.hits,
            hits_day: state.hits_day,
            since_ms: state.since,
            updated_ms: state.updated,
            checked_ms: state.checked,
            next_refresh_ms: state.next,
            error: state.error,
            mend: state.fix,
            counting_until_ms: state.counting_until,
            would_block: WouldBlock {
                connections: state.would_block,
                hosts: counts(state.would_block_hosts),
            },
            held: state.held.map(|held| HeldUpdate {
                arrived_ms: held.arrived,
                entries: held.entries,
                declined: held.declined,
                text: held.text,
                sites: counts(held.sites),
            }),
            pinned: state.pinned,
            versions: state.versions.into_iter().map(ListVersion::from).collect(),
        }
    }
}

impl From<privet_engine::ListVersion> for ListVersion {
    fn from(version: privet_engine::ListVersion) -> Self {
        Self {
            arrived_ms: version.arrived,
            entries: version.entries,
            bytes: version.bytes,
            in_force: version.in_force,
        }
    }
}

fn counts(hosts: Vec<(String, u64)>) -> Vec<HostCount> {
    let hosts = hosts.into_iter();
    hosts
        .map(|(host, connections)| HostCount { host, connections })
        .collect()
}
