//! `/api/v1/lists`: blocklists and what can be done with them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
    /// The detected format, once the list was read.
    pub format: Option<String>,
    pub enabled: bool,
    /// "off", "waiting" for its first text, "counting" on probation, or "blocking".
    #[schema(example = "blocking")]
    pub state: String,
    /// Active entries.
    pub entries: u64,
    /// Those of `entries` that hold for every connection, HTTPS too; the others need a URL that can be read.
    pub host_entries: u64,
    /// Lines that could not be used.
    pub skipped: u64,
    /// Bytes of its text.
    pub bytes: u64,
    /// Connections it blocked since `since_ms`, across reloads and restarts.
    pub hits: u64,
    /// Those of the last 24 hours.
    pub hits_day: u64,
    /// When counting began, in milliseconds since 1970.
    pub since_ms: u64,
    /// When the active text was received, in milliseconds since 1970.
    pub updated_ms: Option<u64>,
    /// When its server last answered successfully, in milliseconds since 1970.
    pub checked_ms: Option<u64>,
    /// When it is fetched next, in milliseconds since 1970; `null`: it is a file, off, or pinned to a version.
    pub next_refresh_ms: Option<u64>,
    /// Why the last update failed; the last good text stays active.
    pub error: Option<String>,
    /// What to do about the error.
    pub fix: Option<String>,
    /// Why the active text could not be stored on the disk; it is used from memory.
    pub not_stored: Option<String>,
    /// It only counts until then, in milliseconds since 1970; `null`: it is not on probation.
    pub counting_until_ms: Option<u64>,
    /// What it would have blocked on probation.
    pub would_block: WouldBlock,
    /// An update that is held back, because it would block sites that the user visits.
    pub held: Option<HeldUpdate>,
    /// An earlier version was restored, and updates are suspended until `resume`.
    pub pinned: bool,
    /// The good versions that are kept, the newest first; empty for a list that is a file.
    pub versions: Vec<ListVersion>,
}

/// What reading a list left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListLines {
    /// Active entries.
    pub entries: u64,
    /// Those of `entries` that hold for every connection, HTTPS too.
    pub host_entries: u64,
    /// Valid lines that do not concern a proxy, such as rules that hide parts of pages.
    pub ignored: u64,
    /// All lines that could not be used.
    pub skipped: u64,
    /// The first thousand of them.
    pub lines: Vec<SkippedLine>,
}

/// A line that could not be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SkippedLine {
    /// Counted from 1.
    pub line: u32,
    /// At most 300 characters; `null`: the text is in memory only.
    pub text: Option<String>,
    #[schema(example = "would match everything or nearly everything")]
    pub reason: String,
}

/// What a list on probation would have blocked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WouldBlock {
    pub connections: u64,
    /// At most twenty, those with most connections first.
    pub hosts: Vec<HostCount>,
}

/// Connections to one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostCount {
    pub host: String,
    pub connections: u64,
}

/// An update that is held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeldUpdate {
    /// When it was received, in milliseconds since 1970.
    pub arrived_ms: u64,
    pub entries: u64,
    /// The user chose to keep the old version; this update is not offered again.
    pub declined: bool,
    #[schema(example = "it would block example.com (212 connections this week)")]
    pub text: String,
    /// At most ten, each with its connections of the last seven days.
    pub sites: Vec<HostCount>,
}

/// A stored text of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListVersion {
    /// When it was received, in milliseconds since 1970.
    pub arrived_ms: u64,
    pub entries: u64,
    pub bytes: u64,
    /// It is the text that decides now.
    pub active: bool,
}

/// What can be done with a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ListAction {
    /// Accepts the held update.
    Accept,
    /// Keeps the active version and declines the held update.
    Keep,
    /// Restores the version before the active one and suspends updates until `resume`.
    Rollback,
    /// Activates the newest version and resumes updates.
    Resume,
    /// Ends the probation: the list blocks from now on.
    Block,
    Enable,
    Disable,
}

impl ListAction {
    /// The last segment of the call's path.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Keep => "keep",
            Self::Rollback => "rollback",
            Self::Resume => "resume",
            Self::Block => "block",
            Self::Enable => "enable",
            Self::Disable => "disable",
        }
    }
}

/// A list to be added: one of the catalogue by its `id`, or any by `name` and `source`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewList {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "easylist")]
    pub id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A path or a URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// As in the configuration [default: as in the catalogue, or "auto"].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// As in the configuration [default: as in the catalogue, or "24h"].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh: Option<String>,
    /// How long it only counts; "0": it blocks at once [default: "24h"].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probation: Option<String>,
}
