//! User actions on a list's stored versions: accept, keep, roll back, resume.

use std::time::SystemTime;

use privet_config::ListSource;
use serde::{Deserialize, Serialize};

use super::entry::ListEntry;
use super::read::{parse, read_version};
use super::store::Lists;
use super::versions::VersionStore;

/// A user action on a list's versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ListAction {
    /// Activate the held update.
    Accept,
    /// Keep the active version and decline the held update.
    Keep,
    /// Activate the version before the active one and pin it: no update is taken until resumed.
    Rollback,
    /// Activate the newest version and take updates again.
    Resume,
}

/// Why an action was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListActionError {
    #[error("there is no list {0:?}")]
    Unknown(String),
    #[error("{0}")]
    NotApplicable(String),
    #[error("{0}")]
    Failed(String),
}

impl Lists {
    /// Carries out an action. Blocking: reads and writes texts.
    ///
    /// # Errors
    /// Unknown list, nothing to accept, to go back to or to resume, or a damaged text.
    pub(crate) fn act(&mut self, name: &str, act: ListAction) -> Result<(), ListActionError> {
        let store = VersionStore::of(&self.data_dir, name);
        let mut all = self.entries.iter_mut();
        let Some(entry) = all.find(|entry| entry.setting.name == name) else {
            return Err(ListActionError::Unknown(name.to_owned()));
        };
        let ListSource::Url(url) = entry.setting.source.clone() else {
            return Err(nothing(
                name,
                "comes from a local file: its earlier versions are not kept",
            ));
        };
        self.unsaved = true;
        let done = match act {
            ListAction::Accept => entry.accept(&store),
            ListAction::Keep => entry.decline_update(),
            ListAction::Rollback => entry.roll_back(&store, &url),
            ListAction::Resume => entry.resume(&store, &url),
        };
        if matches!(done, Err(ListActionError::Failed(_))) {
            entry.versions = store.versions(&url);
        }
        done
    }
}

impl Lists {
    /// The action that reverts `act` once it is carried out; `None` if no action restores the version that is active
    /// now.
    pub(crate) fn inverse_action(&self, name: &str, act: ListAction) -> Option<ListAction> {
        let entry = self
            .entries
            .iter()
            .find(|entry| entry.setting.name == name)?;
        let is_current_at = |index: usize| {
            let info = entry.versions.get(index);
            info.is_some_and(|info| Some(info.id) == entry.active_version)
        };
        match act {
            ListAction::Accept => is_current_at(0).then_some(ListAction::Rollback),
            // Accepting the update would be more than a revert.
            ListAction::Keep => None,
            // From a version that is already a rollback, resuming would go further than one step.
            ListAction::Rollback => is_current_at(0).then_some(ListAction::Resume),
            ListAction::Resume => is_current_at(1).then_some(ListAction::Rollback),
        }
    }
}

fn nothing(name: &str, why: &str) -> ListActionError {
    ListActionError::NotApplicable(format!("list {name:?} {why}"))
}

fn failed(error: impl std::fmt::Display) -> ListActionError {
    ListActionError::Failed(error.to_string())
}

impl ListEntry {
    fn accept(&mut self, store: &VersionStore) -> Result<(), ListActionError> {
        let Some(held) = self.record.held.clone() else {
            return Err(nothing(
                &self.setting.name,
                "has no update that is held back",
            ));
        };
        let text = match store.held_text(&held.info) {
            Ok(text) => text,
            Err(error) => {
                // Fetch it again at the next tick.
                self.record.held = None;
                self.record.checked = 0;
                self.last_attempt_ms = 0;
                return Err(failed(error));
            }
        };
        let parsed = parse(&self.setting.name, &text, self.setting.format).map_err(failed)?;
        self.record.pinned = None;
        self.adopt_version(held.info, parsed, &text, store)
            .map_err(failed)
    }

    fn decline_update(&mut self) -> Result<(), ListActionError> {
        match &mut self.record.held {
            Some(held) => held.declined = true,
            None => {
                return Err(nothing(
                    &self.setting.name,
                    "has no update that is held back",
                ));
            }
        }
        Ok(())
    }

    fn roll_back(&mut self, store: &VersionStore, url: &str) -> Result<(), ListActionError> {
        let versions = store.versions(url);
        let before = |id| versions.iter().find(|info| Some(info.id) < id);
        let Some(info) = before(self.active_version) else {
            return Err(nothing(&self.setting.name, "has no earlier version"));
        };
        let parsed = read_version(store, &self.setting, info).map_err(failed)?;
        self.record.pinned = Some(info.id);
        self.activate(store, info.id, parsed);
        self.versions = versions;
        Ok(())
    }

    fn resume(&mut self, store: &VersionStore, url: &str) -> Result<(), ListActionError> {
        if self.record.pinned.is_none() {
            return Err(nothing(&self.setting.name, "takes its updates already"));
        }
        let versions = store.versions(url);
        if let Some(info) = versions.first() {
            let parsed = read_version(store, &self.setting, info).map_err(failed)?;
            self.activate(store, info.id, parsed);
        }
        self.record.pinned = None;
        self.record.checked = 0;
        self.last_attempt_ms = 0;
        self.start_probation(SystemTime::now());
        self.versions = versions;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::update::tests::{URL, filter, lists, text};
    use super::*;

    #[test]
    fn an_action_has_an_inverse_only_if_it_restores_the_previous_version() {
        let folder = tempfile::tempdir().unwrap();
        let mut lists = lists(folder.path(), &filter(Duration::ZERO));
        let now = SystemTime::now();
        for body in ["a.test\n", "b.test\n", "c.test\n"] {
            lists.apply_fetch("ads", URL, now, text(body, &[]));
        }
        lists.apply_fetch("ads", URL, now, text("mine.test\n", &["mine.test"]));
        for (act, back) in [
            (ListAction::Keep, None),
            (ListAction::Rollback, Some(ListAction::Resume)),
            (ListAction::Resume, Some(ListAction::Rollback)),
            (ListAction::Rollback, Some(ListAction::Resume)),
            (ListAction::Rollback, None),
            (ListAction::Resume, None),
            (ListAction::Accept, Some(ListAction::Rollback)),
        ] {
            assert_eq!(lists.inverse_action("ads", act), back, "{act:?}");
            lists.act("ads", act).unwrap();
        }
    }
}
