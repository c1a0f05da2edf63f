//! Commands to the supervisor.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use crate::supervise::configuration::report::{ApplyError, ApplyMode, ApplyReport, ConfigSource};
use crate::supervise::configuration::secrets::KeyringCache;
use crate::supervise::lists::fetch_job::FetchResult;
use crate::supervise::lists::{ListAction, ListActionError, ListState};
use crate::supervise::mode::ModeSwitch;
use crate::supervise::rules::TemporaryLifetime;
use crate::supervise::sites::{BackendChange, BackendChangeError};
use crate::supervise::timeline::{
    ChangeDetail, ChangeOrigin, ChangeSource, ChangeStatus, UndoAction, UndoError,
};

/// Capacity of the channel; further senders wait.
const CAPACITY: usize = 32;

/// A command to the supervisor, answered through `reply`.
pub(crate) enum Command {
    /// Applies a configuration: the file's content or a text.
    Apply {
        config: ConfigSource,
        /// The keyring secrets that were read for it.
        secrets: KeyringCache,
        mode: ApplyMode,
        by: ChangeOrigin,
        reply: oneshot::Sender<Result<ApplyReport, ApplyError>>,
    },
    /// A file of the `https` listeners' certificates changed.
    CertificatesChanged,
    /// A file that holds a secret changed.
    SecretFilesChanged,
    /// Applies the changed file with the keyring secrets that were read for it.
    ApplyFile {
        secrets: KeyringCache,
    },
    /// Replies with the text that an edit starts from.
    EditBase {
        reply: oneshot::Sender<String>,
    },
    /// Replies with the text of the file, or of the current configuration where there is none.
    FileText {
        reply: oneshot::Sender<String>,
    },
    /// Records a switch of the mode that was made; replies with the change's number.
    RecordModeSwitch {
        switch: ModeSwitch,
        by: ChangeOrigin,
        reply: oneshot::Sender<Option<u64>>,
    },
    AddTemporaryRule {
        rule: Value,
        lifetime: TemporaryLifetime,
        mode: ApplyMode,
        by: ChangeOrigin,
        reply: oneshot::Sender<Result<ApplyReport, ApplyError>>,
    },
    RemoveTemporaryRule {
        number: u32,
        by: ChangeOrigin,
        reply: oneshot::Sender<Result<Option<u64>, ApplyError>>,
    },
    /// Changes a backend of a site by hand. Replies with the change's number.
    ChangeBackend {
        site: String,
        /// Its id.
        backend: String,
        change: BackendChange,
        by: ChangeOrigin,
        reply: oneshot::Sender<Result<Option<u64>, BackendChangeError>>,
    },
    Timeline(TimelineCommand),
    Lists(ListCommand),
    /// A file of the scanner's rules has changed.
    ScanRulesChanged,
    Stop {
        deadline: Duration,
        reply: oneshot::Sender<()>,
    },
}

/// A command on the timeline.
pub(crate) enum TimelineCommand {
    /// A window of the timeline, newest first, and the number of all changes.
    Page {
        offset: usize,
        limit: usize,
        reply: oneshot::Sender<(usize, Vec<ChangeStatus>)>,
    },
    Change {
        id: u64,
        reply: oneshot::Sender<Option<ChangeStatus>>,
    },
    /// Records a change that was made outside the engine; replies with its number.
    Record {
        by: ChangeOrigin,
        what: Vec<ChangeDetail>,
        undo: UndoAction,
        reply: oneshot::Sender<u64>,
    },
    Undo {
        id: u64,
        source: ChangeSource,
        /// The keyring secrets that were read for it.
        secrets: KeyringCache,
        reply: oneshot::Sender<Result<ChangeStatus, UndoError>>,
    },
}

/// A command on the filter lists.
pub(crate) enum ListCommand {
    /// Reads or fetches a list; replies whether there is one of that name.
    Refresh {
        list: String,
        reply: oneshot::Sender<bool>,
    },
    States {
        reply: oneshot::Sender<Vec<ListState>>,
    },
    Act {
        list: String,
        action: ListAction,
        by: ChangeOrigin,
        reply: oneshot::Sender<Result<(), ListActionError>>,
    },
    /// A fetch of a list ended.
    Fetched {
        list: String,
        url: String,
        outcome: FetchResult,
    },
    /// A file that lists are read from has changed.
    FilesChanged,
}

/// The supervisor's command channel.
pub(crate) fn channel() -> (mpsc::Sender<Command>, mpsc::Receiver<Command>) {
    mpsc::channel(CAPACITY)
}
