//! A change in the timeline: what was changed, when, by whom, and how it is undone.

use privet_config::Revision;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::detail::ChangeDetail;
use crate::supervise::configuration::report::ApplyError;
use crate::supervise::lists::ListAction;
use crate::supervise::rules::TemporaryLifetime;
use crate::supervise::sites::RestoreBackend;

/// What made a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeSource {
    Window,
    Tray,
    Cli,
    /// The page in a browser.
    Page,
    /// A caller of the API that does not name itself.
    Api,
    /// The configuration file was edited.
    File,
    /// The engine removed rules whose time had passed.
    Expiry,
}

/// What makes a change, and whether it undoes an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangeOrigin {
    pub source: ChangeSource,
    /// Number of the change that is undone.
    pub undoes: Option<u64>,
}

impl From<ChangeSource> for ChangeOrigin {
    fn from(source: ChangeSource) -> Self {
        Self {
            source,
            undoes: None,
        }
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Counts up; never used twice.
    pub id: u64,
    /// Unix milliseconds.
    pub at_ms: u64,
    #[serde(rename = "door")]
    pub source: ChangeSource,
    /// What was changed; of many things the first ones.
    pub what: Vec<ChangeDetail>,
    pub undo: UndoAction,
    /// Number of the change that this one undoes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<u64>,
    /// It was made by the engine that runs now.
    #[serde(skip)]
    pub of_this_run: bool,
}

/// What undoes a change. The serialised names are those of the change itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UndoAction {
    /// Reverts the file's text; `None`: the change was too large to be kept.
    #[serde(rename = "file")]
    RevertFile(Option<Revision>),
    /// Switches from `to` back to `from`, where no file holds the mode.
    #[serde(rename = "mode")]
    SwitchMode { from: String, to: String },
    /// Ends the pause that was started.
    #[serde(rename = "pause")]
    EndPause {
        mode: String,
        /// Unix milliseconds; `None`: until the engine restarts.
        until_ms: Option<u64>,
    },
    /// Starts the pause that was ended again.
    #[serde(rename = "resume")]
    StartPause { mode: String, until_ms: Option<u64> },
    /// Removes the temporary rule that was added.
    #[serde(rename = "made")]
    RemoveTemporaryRule {
        number: u32,
        #[serde(rename = "span")]
        lifetime: TemporaryLifetime,
        rule: Value,
    },
    /// Adds the temporary rule that was removed.
    #[serde(rename = "taken")]
    AddTemporaryRule {
        #[serde(rename = "span")]
        lifetime: TemporaryLifetime,
        rule: Value,
    },
    /// Carries out the opposite action on a list's versions.
    #[serde(rename = "list")]
    ActOnList {
        name: String,
        #[serde(rename = "back")]
        action: ListAction,
    },
    /// Switches the system proxy to what it was before.
    SystemProxy { was_on: bool },
    /// Sets a backend of a site as it was before.
    #[serde(rename = "backend")]
    RestoreBackend(RestoreBackend),
    /// The change cannot be undone.
    Never,
}

/// A change as the API reports it.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeStatus {
    pub change: Change,
    /// Number of the change that undid it and was not undone itself.
    pub undone_by: Option<u64>,
    /// Why it cannot be undone now; `None`: it can.
    pub obstacle: Option<String>,
}

/// Why a change was not undone.
#[derive(Debug, thiserror::Error)]
pub enum UndoError {
    #[error("there is no change {0}")]
    Unknown(u64),
    #[error("{0}")]
    Obstructed(String),
    #[error(transparent)]
    Apply(#[from] ApplyError),
}
