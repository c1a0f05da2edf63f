//! The timeline: what was changed, when, by which door, and how it is taken back.

mod describe;
mod obstacle;
mod store;
mod undo;
mod what;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use privet_config::Revision;

use crate::supervise::lists::ListAction;
use crate::supervise::rules::TemporaryLifetime;

pub(crate) use describe::describe;
pub(crate) use store::Timeline;
pub(crate) use undo::moment_text;
pub use what::ChangeDetail;

/// By which door a change came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeSource {
    Window,
    Tray,
    Cli,
    /// The page in a browser.
    Page,
    /// A caller of the API that does not say what it is.
    Api,
    /// Somebody wrote the file.
    File,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts up, never given twice.
    pub id: u64,
    /// Milliseconds since 1970.
    pub at_ms: u64,
    pub door: ChangeSource,
    /// What was changed, the first things of many.
    pub what: Vec<ChangeDetail>,
    pub undo: UndoAction,
    /// The entry that this one takes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<u64>,
    /// It was made by the engine that runs now.
    #[serde(skip)]
    pub of_this_run: bool,
}

/// How a change is taken back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UndoAction {
    /// The file's text as it was; `None`: the change was too large to be kept.
    File(Option<Revision>),
    /// A mode that was chosen where no file holds it.
    Mode { from: String, to: String },
    /// A pause that began.
    Pause { mode: String, until_ms: u64 },
    /// A pause that was ended.
    Resume { mode: String, until_ms: u64 },
    /// A rule of no file that was made.
    Made {
        number: u32,
        span: TemporaryLifetime,
        rule: Value,
    },
    /// A rule of no file that was taken away.
    Taken {
        span: TemporaryLifetime,
        rule: Value,
    },
    /// What was said of a list's versions.
    List { name: String, back: ListAction },
    /// The system proxy, which was on or off before.
    SystemProxy { was_on: bool },
    /// It cannot be.
    Never,
}

/// An entry as the doors show it.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeStatus {
    pub entry: Entry,
    /// The entry that took it back, where that one still stands.
    pub undone_by: Option<u64>,
    /// Why it cannot be taken back now.
    pub obstacle: Option<String>,
}

/// Why a change was not taken back.
#[derive(Debug, thiserror::Error)]
pub enum UndoError {
    #[error("there is no change {0}")]
    Unknown(u64),
    #[error("{0}")]
    Obstructed(String),
    #[error(transparent)]
    Apply(#[from] crate::supervise::configuration::reload::ApplyError),
}
