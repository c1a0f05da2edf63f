//! What a change of configuration did, or why it was not made.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use privet_config::{Config, Diagnostic, Diagnostics, SaveError};
use privet_policy::Replay;

use crate::supervise::start_error::StartError;

/// Where a configuration to apply comes from.
#[derive(Debug, Clone)]
pub(crate) enum ConfigSource {
    /// The file's current content.
    File,
    /// This text, which is saved into the file.
    Text {
        text: String,
        /// The text that the edit started from; `None`: it replaces whatever there is.
        base: Option<String>,
    },
}

impl ConfigSource {
    /// A text that replaces whatever there is.
    pub(crate) fn explicit(text: String) -> Self {
        Self::Text { text, base: None }
    }
}

/// Whether a change is made or only previewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplyMode {
    Commit,
    DryRun,
}

/// The effects of a change, or of a dry run.
#[derive(Debug, Clone)]
pub struct ApplyReport {
    pub warnings: Vec<Diagnostic>,
    /// Addresses of listeners that were opened.
    pub opened: Vec<SocketAddr>,
    /// Addresses of listeners that were closed.
    pub closed: Vec<SocketAddr>,
    /// Number of open connections that the new configuration does not allow.
    pub connections_closed: usize,
    /// Of a dry run: the recorded connections evaluated with the new policy.
    pub replay: Option<Replay>,
    /// Number of the change in the timeline; `None`: nothing was changed.
    pub change: Option<u64>,
}

impl fmt::Display for ApplyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (opened, closed) = (self.opened.len(), self.closed.len());
        write!(
            f,
            "{opened} listeners opened, {closed} closed, {} connections closed",
            self.connections_closed
        )
    }
}

/// A change was not made; the current configuration stays.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    #[error("{0}")]
    Config(Diagnostics),
    #[error("{0}")]
    Start(#[from] StartError),
    #[error("{0}")]
    Save(SaveError),
    /// The configuration file vanished.
    #[error("{} is gone", .0.display())]
    FileMissing(PathBuf),
    #[error("no mode is called {name:?}; there are {known}")]
    Mode { name: String, known: String },
    #[error("the rule is not valid: {0}")]
    Rule(String),
    /// The keyring must be asked for secrets of this configuration first.
    #[error("secrets of the keyring were not read yet; apply the configuration again")]
    SecretsNeeded(Arc<Config>),
    #[error("{0}")]
    Internal(String),
}

impl ApplyError {
    /// For a problem or a log: one line, and of a file with several errors the first.
    pub(crate) fn in_one_line(&self) -> String {
        match self {
            Self::Config(found) | Self::Start(StartError::Config(found)) => found.in_one_line(),
            other => other.to_string(),
        }
    }

    pub(crate) fn unknown_mode(name: &str, config: &Config) -> Self {
        let known: Vec<String> = config
            .modes
            .keys()
            .map(|mode| format!("{mode:?}"))
            .collect();
        Self::Mode {
            name: name.to_owned(),
            known: known.join(", "),
        }
    }

    /// A blocking step panicked.
    pub(crate) fn panicked(error: &tokio::task::JoinError) -> Self {
        Self::Internal(format!("the change was aborted: {error}"))
    }
}
