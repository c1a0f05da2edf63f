//! What a change of configuration did or would do, and which connections it forbids.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::time::SystemTime;

use privet_config::{Config, Diagnostic, Diagnostics, SaveError};
use privet_ledger::Row;
use privet_policy::{Action, Replay, Request, Route, simulate};
use serde::Serialize;

use crate::accept;
use crate::launch::StartError;
use crate::snapshot::Snapshot;

/// What a change did, or with `dry_run` would do.
#[derive(Debug, Clone, Serialize)]
pub struct Applied {
    pub warnings: Vec<Diagnostic>,
    /// Listeners that were opened.
    pub opened: Vec<SocketAddr>,
    pub closed: Vec<SocketAddr>,
    /// Connections that the new configuration does not allow.
    pub connections_closed: usize,
    /// Of a dry run: the recorded connections under the new policy.
    pub replay: Option<Replay>,
}

impl fmt::Display for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (opened, closed) = (self.opened.len(), self.closed.len());
        write!(
            f,
            "{opened} listeners opened, {closed} closed, {} connections closed",
            self.connections_closed
        )
    }
}

/// A change was not made; what runs stays in force.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    #[error("{0}")]
    Config(Diagnostics),
    #[error("{0}")]
    Start(#[from] StartError),
    #[error("{0}")]
    Save(SaveError),
    #[error("no mode is called {name:?}; there are {known}")]
    Mode { name: String, known: String },
    #[error("{0}")]
    Broken(String),
}

impl ApplyError {
    pub(crate) fn unknown_mode(name: &str, config: &Config) -> Self {
        let known = config
            .modes
            .keys()
            .map(|mode| format!("{mode:?}"))
            .collect::<Vec<_>>()
            .join(", ");
        Self::Mode {
            name: name.to_owned(),
            known,
        }
    }

    pub(crate) fn broke_off(error: &tokio::task::JoinError) -> Self {
        Self::Broken(format!("the change broke off: {error}"))
    }
}

/// Whether a standing connection may not go on under `snapshot`: its client or user is not let in any more, its target is
/// blocked, or it goes direct where a kill switch now forbids that.
pub(crate) fn disallowed(row: &Row, snapshot: &Snapshot) -> bool {
    if !accept::is_allowed(&snapshot.config, row.client().ip()) {
        return true;
    }
    if row.user().is_some_and(|user| !snapshot.users.knows(user)) {
        return true;
    }
    let request = Request {
        listener: row.listener(),
        client: row.client(),
        protocol: row.protocol(),
        user: row.user().map(|user| &**user),
        app: row.app().map(|app| &**app),
        target: row.target(),
        addresses: &[],
        url: None,
        at: SystemTime::now(),
    };
    match simulate(&request, &snapshot.policy).action {
        Action::Block => true,
        Action::Route(Route::Via {
            otherwise: None, ..
        }) => row.route().starts_with("direct"),
        Action::Route(_) => false,
    }
}

/// Writes the chosen mode into the file, if there is one, and nothing else.
pub(crate) fn write_mode(path: &Path, name: &str) -> Result<(), String> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    let mut document = privet_config::Document::parse(&text).map_err(|error| error.to_string())?;
    document.set_mode(name).map_err(|error| error.to_string())?;
    let changed = document.text();
    if changed == text {
        return Ok(());
    }
    privet_config::save(path, &changed).map_err(|error| error.to_string())
}
