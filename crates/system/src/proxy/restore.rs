//! Restores the settings that a journal remembers.

use super::detect;
use super::journal::{Journal, JournalError};
use super::store::{ProxyStore, StoreError};
use super::switch;
use crate::command::ParentPipe;

/// The system proxy cannot be switched.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    #[error(
        "this desktop has no system proxy that Privet knows; `privet env` prints the variables to copy for a shell"
    )]
    Unsupported,
    #[error(
        "this user has no home folder to keep the journal in, so the system proxy is left alone"
    )]
    NoHomeFolder,
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What could be restored was.
    #[error("the desktop did not keep what was written ({}): is its settings service running?", .0.join(", "))]
    NotKept(Vec<String>),
    #[error("the settings point at no dead port of this machine: there is nothing to repair")]
    NothingToRepair,
}

/// Restores the values that are still as Privet wrote them, and checks that the desktop kept them.
pub(super) fn restore(
    store: &dyn ProxyStore,
    journal: &Journal,
    parent_pipe: &ParentPipe,
) -> Result<(), ProxyError> {
    for change in switch::restoring_changes(journal, &store.read()?) {
        store.write(&[change], parent_pipe)?;
    }
    let left = switch::restoring_changes(journal, &store.read()?);
    if left.is_empty() {
        return Ok(());
    }
    Err(ProxyError::NotKept(
        left.into_iter().map(|change| change.key).collect(),
    ))
}

/// As [`restore`], for a journal of another desktop of the same user.
pub(super) fn restore_other_desktop(
    journal: &Journal,
    parent_pipe: &ParentPipe,
) -> Result<(), ProxyError> {
    let store = detect::open(journal.desktop).ok_or(ProxyError::Unsupported)?;
    restore(store.as_ref(), journal, parent_pipe)
}
