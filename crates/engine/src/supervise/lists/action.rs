//! What the user says of a list's versions: take the update, keep the old one, go back, go on.

use std::time::SystemTime;

use privet_config::ListSource;
use serde::{Deserialize, Serialize};

use super::list_state::Known;
use super::list_versions::Shelf;
use super::read::{parse, read_version};
use super::store::Lists;

/// A wish about a list's versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ListAction {
    /// Put the update in force that is held back.
    Accept,
    /// Keep the version in force, and ask no more about that update.
    Keep,
    /// Put the version before the one in force in its place, and take no update until resumed.
    Rollback,
    /// Put the newest version in force, and take updates again.
    Resume,
}

/// Why a wish was not carried out.
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
    /// Carries out a wish. Blocking: texts are read and written.
    ///
    /// # Errors
    /// There is no such list, or nothing to accept, to go back to or to resume; or a text is broken.
    pub(crate) fn act(&mut self, name: &str, act: ListAction) -> Result<(), ListActionError> {
        let shelf = Shelf::of(&self.data_dir, name);
        let mut all = self.known.iter_mut();
        let Some(known) = all.find(|known| known.setting.name == name) else {
            return Err(ListActionError::Unknown(name.to_owned()));
        };
        let ListSource::Url(url) = known.setting.source.clone() else {
            return Err(nothing(
                name,
                "comes from a file of yours: earlier versions of it are not kept here",
            ));
        };
        self.unsaved = true;
        let done = match act {
            ListAction::Accept => known.accept(&shelf),
            ListAction::Keep => known.keep_old(),
            ListAction::Rollback => known.roll_back(&shelf, &url),
            ListAction::Resume => known.resume(&shelf, &url),
        };
        if matches!(done, Err(ListActionError::Failed(_))) {
            known.shelved = shelf.versions(&url);
        }
        done
    }
}

impl Lists {
    /// What would take this wish back once it is carried out; `None`: nothing brings the version back that is in force
    /// now.
    pub(crate) fn way_back(&self, name: &str, act: ListAction) -> Option<ListAction> {
        let known = self.known.iter().find(|known| known.setting.name == name)?;
        let stands_at = |place: usize| {
            let facts = known.shelved.get(place);
            facts.is_some_and(|facts| Some(facts.id) == known.in_force)
        };
        match act {
            ListAction::Accept => stands_at(0).then_some(ListAction::Rollback),
            // To take the update is more than to be asked again.
            ListAction::Keep => None,
            // From a version that it went back to already, resuming would go further.
            ListAction::Rollback => stands_at(0).then_some(ListAction::Resume),
            ListAction::Resume => stands_at(1).then_some(ListAction::Rollback),
        }
    }
}

fn nothing(name: &str, why: &str) -> ListActionError {
    ListActionError::NotApplicable(format!("list {name:?} {why}"))
}

fn failed(error: impl std::fmt::Display) -> ListActionError {
    ListActionError::Failed(error.to_string())
}

impl Known {
    fn accept(&mut self, shelf: &Shelf) -> Result<(), ListActionError> {
        let Some(held) = self.record.held.clone() else {
            return Err(nothing(
                &self.setting.name,
                "has no update that is held back",
            ));
        };
        let text = match shelf.held_text(&held.facts) {
            Ok(text) => text,
            Err(error) => {
                // It is asked for anew.
                self.record.held = None;
                self.record.checked = 0;
                self.tried = 0;
                return Err(failed(error));
            }
        };
        let parsed = parse(&self.setting.name, &text, self.setting.format).map_err(failed)?;
        self.record.pinned = None;
        self.adopt(held.facts, parsed, &text, shelf).map_err(failed)
    }

    fn keep_old(&mut self) -> Result<(), ListActionError> {
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

    fn roll_back(&mut self, shelf: &Shelf, url: &str) -> Result<(), ListActionError> {
        let versions = shelf.versions(url);
        let before = |id| versions.iter().find(|facts| Some(facts.id) < id);
        let Some(facts) = before(self.in_force) else {
            return Err(nothing(&self.setting.name, "has no earlier version"));
        };
        let parsed = read_version(shelf, &self.setting, facts).map_err(failed)?;
        self.record.pinned = Some(facts.id);
        self.stand(shelf, facts.id, parsed);
        self.shelved = versions;
        Ok(())
    }

    fn resume(&mut self, shelf: &Shelf, url: &str) -> Result<(), ListActionError> {
        if self.record.pinned.is_none() {
            return Err(nothing(&self.setting.name, "takes its updates already"));
        }
        let versions = shelf.versions(url);
        if let Some(facts) = versions.first() {
            let parsed = read_version(shelf, &self.setting, facts).map_err(failed)?;
            self.stand(shelf, facts.id, parsed);
        }
        self.record.pinned = None;
        self.record.checked = 0;
        self.tried = 0;
        self.begin_to_count(SystemTime::now());
        self.shelved = versions;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::update::tests::{URL, filter, lists, text};
    use super::*;

    #[test]
    fn a_wish_is_taken_back_only_where_that_leads_to_the_version_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut lists = lists(folder.path(), &filter(Duration::ZERO));
        let now = SystemTime::now();
        for body in ["a.test\n", "b.test\n", "c.test\n"] {
            lists.arrived("ads", URL, now, text(body, &[]));
        }
        lists.arrived("ads", URL, now, text("mine.test\n", &["mine.test"]));
        for (act, back) in [
            (ListAction::Keep, None),
            (ListAction::Rollback, Some(ListAction::Resume)),
            (ListAction::Resume, Some(ListAction::Rollback)),
            (ListAction::Rollback, Some(ListAction::Resume)),
            (ListAction::Rollback, None),
            (ListAction::Resume, None),
            (ListAction::Accept, Some(ListAction::Rollback)),
        ] {
            assert_eq!(lists.way_back("ads", act), back, "{act:?}");
            lists.act("ads", act).unwrap();
        }
    }
}
