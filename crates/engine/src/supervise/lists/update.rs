//! A fetch came back: a good text replaces the one in force, one that would block the user's own sites waits for a word,
//! a failure leaves all as it is and is said.

use std::time::SystemTime;

use bytes::Bytes;
use privet_config::ListSource;
use privet_policy::VisitedSite;

use super::list_state::Known;
use super::list_versions::{Facts, Shelf};
use super::read::Parsed;
use super::record::{Held, Site};
use super::status::millis;
use super::store::Lists;

/// What a server answered.
pub(crate) enum Arrived {
    /// What is here is what it has.
    Current,
    New(Box<Text>),
}

/// A new text of a list.
pub(crate) struct Text {
    pub(crate) parsed: Parsed,
    pub(crate) facts: Facts,
    pub(crate) bytes: Bytes,
    /// Sites of the user's that it would newly block.
    pub(crate) blocks: Vec<VisitedSite>,
}

impl Lists {
    /// Takes in what came of a fetch of `url`; whether another text is in force now. Blocking: texts are written.
    pub(crate) fn arrived(
        &mut self,
        name: &str,
        url: &str,
        now: SystemTime,
        outcome: Result<Arrived, String>,
    ) -> bool {
        let shelf = Shelf::of(&self.data_dir, name);
        let of = |known: &&mut Known| {
            known.setting.name == name
                && matches!(&known.setting.source, ListSource::Url(of) if of == url)
        };
        // The file may have changed while it was under way: the list is gone, or has another source.
        let Some(known) = self.known.iter_mut().find(of) else {
            return false;
        };
        self.unsaved = true;
        known.fetching = false;
        known.tried = millis(now);
        // A clock that was set back must not have it asked for each second.
        known.record.checked = known.record.checked.min(known.tried);
        let taken = outcome.and_then(|arrived| {
            known.record.checked = millis(now);
            match arrived {
                Arrived::New(text) => known.take_in(*text, &shelf, now),
                Arrived::Current => Ok(false),
            }
        });
        known.error = taken.as_ref().err().cloned();
        taken.unwrap_or(false)
    }
}

impl Known {
    /// Whether it is in force now.
    fn take_in(&mut self, text: Text, shelf: &Shelf, now: SystemTime) -> Result<bool, String> {
        // The user went back to a version while it was under way, and wants no update.
        if self.record.pinned.is_some() {
            return Ok(false);
        }
        let newest = self.shelved.first();
        let facts = Facts {
            // Two texts never share an id, whatever the clock says.
            id: millis(now).max(newest.map_or(0, |newest| newest.id + 1)),
            ..text.facts
        };
        if let Some(newest) = newest.filter(|newest| newest.sum == facts.sum) {
            let facts = Facts {
                id: newest.id,
                ..facts
            };
            return self.same_again(facts, text.parsed, shelf);
        }
        let held = self.record.held.as_ref();
        if held.is_some_and(|held| held.facts.sum == facts.sum && !text.blocks.is_empty()) {
            return Ok(false);
        }
        if !text.blocks.is_empty() {
            shelf.hold(&facts, &text.bytes).map_err(cannot_be_kept)?;
            self.record.held = Some(Held {
                facts,
                sites: text.blocks.into_iter().map(Site::from).collect(),
                declined: false,
            });
            return Ok(false);
        }
        self.adopt(facts, text.parsed, &text.bytes, shelf)?;
        self.begin_to_count(now);
        Ok(true)
    }

    /// The server sent what is here already, under another name for it. Where it was not in force, it is now.
    fn same_again(&mut self, facts: Facts, parsed: Parsed, shelf: &Shelf) -> Result<bool, String> {
        shelf.note(&facts).map_err(cannot_be_kept)?;
        self.drop_held(shelf);
        let was_other = self.in_force != Some(facts.id);
        self.stand(shelf, facts.id, parsed);
        self.shelved = shelf.versions(&facts.url);
        Ok(was_other)
    }

    pub(super) fn adopt(
        &mut self,
        facts: Facts,
        parsed: Parsed,
        text: &[u8],
        shelf: &Shelf,
    ) -> Result<(), String> {
        shelf.adopt(&facts, text).map_err(cannot_be_kept)?;
        self.drop_held(shelf);
        self.stand(shelf, facts.id, parsed);
        self.shelved = shelf.versions(&facts.url);
        Ok(())
    }

    fn drop_held(&mut self, shelf: &Shelf) {
        if self.record.held.take().is_some() {
            shelf.drop_held();
        }
    }
}

fn cannot_be_kept(error: std::io::Error) -> String {
    format!("the list cannot be kept: {error}")
}

#[cfg(test)]
pub(super) mod tests {
    use privet_config::{Filter, FilterList, ListFormat};
    use privet_policy::Host;

    use super::super::{ListAction, ListPhase, parse, sum_of};
    use super::*;

    pub(in crate::supervise::lists) const URL: &str = "http://lists.test/ads";
    const HOUR: std::time::Duration = std::time::Duration::from_secs(3600);

    pub(in crate::supervise::lists) fn filter(probation: std::time::Duration) -> Filter {
        Filter {
            lists: vec![FilterList {
                name: "ads".into(),
                source: ListSource::Url(URL.into()),
                format: ListFormat::Domains,
                enabled: true,
                refresh: HOUR,
                probation,
            }],
            ..Filter::default()
        }
    }

    pub(in crate::supervise::lists) fn lists(folder: &std::path::Path, filter: &Filter) -> Lists {
        let mut lists = Lists::open(folder.to_owned());
        lists.load(filter);
        lists
    }

    pub(in crate::supervise::lists) fn text(
        text: &str,
        blocks: &[&str],
    ) -> Result<Arrived, String> {
        let site = |host: &&str| VisitedSite {
            host: Host::parse(host).unwrap(),
            connections: 212,
        };
        Ok(Arrived::New(Box::new(Text {
            parsed: parse("ads", text.as_bytes(), ListFormat::Domains)?,
            facts: Facts {
                url: URL.into(),
                entries: text.lines().count() as u64,
                bytes: text.len() as u64,
                sum: Some(sum_of(text.as_bytes())),
                ..Facts::default()
            },
            bytes: Bytes::copy_from_slice(text.as_bytes()),
            blocks: blocks.iter().map(site).collect(),
        })))
    }

    fn save(lists: &mut Lists) {
        let records = lists.unsaved(true).expect("something changed");
        records.write(lists.data_dir()).unwrap();
    }

    #[test]
    fn an_update_that_would_block_own_sites_waits_and_what_is_said_of_it_outlives_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let filter = filter(std::time::Duration::ZERO);
        let mut one = lists(folder.path(), &filter);
        let now = SystemTime::now();
        assert!(one.arrived("ads", URL, now, text("a.test\n", &[])));
        let update = "a.test\nmine.test\n";
        assert!(!one.arrived("ads", URL, now + HOUR, text(update, &["mine.test"])));
        save(&mut one);

        let mut two = lists(folder.path(), &filter);
        let state = &two.states()[0];
        let held = state.held.as_ref().expect("it is held back");
        assert_eq!((state.entries, held.entries, held.declined), (1, 2, false));
        assert_eq!(
            held.text,
            "it would block mine.test (212 connections this week)"
        );

        two.act("ads", ListAction::Keep).unwrap();
        assert!(!two.arrived("ads", URL, now + 2 * HOUR, text(update, &["mine.test"])));
        let state = &two.states()[0];
        assert!(
            state.held.as_ref().is_some_and(|held| held.declined),
            "asked once"
        );

        two.act("ads", ListAction::Accept).unwrap();
        let state = &two.states()[0];
        assert_eq!((state.entries, state.held.is_none()), (2, true));
        assert!(two.act("ads", ListAction::Accept).is_err());
        save(&mut two);
        assert_eq!(lists(folder.path(), &filter).states()[0].entries, 2);
    }

    #[test]
    fn going_back_holds_the_version_until_updates_are_resumed() {
        let folder = tempfile::tempdir().unwrap();
        let filter = filter(std::time::Duration::ZERO);
        let mut one = lists(folder.path(), &filter);
        let now = SystemTime::now();
        for n in 1..=3_u32 {
            let body: String = (0..n).map(|m| format!("h{m}.test\n")).collect();
            assert!(one.arrived("ads", URL, now + n * HOUR, text(&body, &[])));
        }
        one.act("ads", ListAction::Rollback).unwrap();
        assert_eq!((one.states()[0].entries, one.states()[0].pinned), (2, true));
        one.act("ads", ListAction::Rollback).unwrap();
        assert_eq!(one.states()[0].entries, 1);
        assert!(
            one.act("ads", ListAction::Rollback).is_err(),
            "there is none before"
        );
        assert!(!one.arrived("ads", URL, now + 9 * HOUR, text("x.test\n", &[])));
        assert!(one.due(now + 99 * HOUR, None).is_empty());
        save(&mut one);

        let mut two = lists(folder.path(), &filter);
        assert_eq!((two.states()[0].entries, two.states()[0].pinned), (1, true));
        two.act("ads", ListAction::Resume).unwrap();
        let state = &two.states()[0];
        assert_eq!((state.entries, state.pinned), (3, false));
        assert_eq!(two.due(now, None).len(), 1, "it is asked for at once");
    }

    #[test]
    fn probation_begins_with_the_first_text_and_ends_by_the_clock() {
        let folder = tempfile::tempdir().unwrap();
        let filter = filter(HOUR);
        let mut one = lists(folder.path(), &filter);
        assert_eq!(one.states()[0].phase, ListPhase::Waiting);
        let now = SystemTime::now();
        one.arrived("ads", URL, now, text("a.test\n", &[]));
        one.active();
        assert_eq!(one.states()[0].phase, ListPhase::Counting);
        assert_eq!(one.probation_over(now), None);
        assert_eq!(one.probation_over(now + HOUR), Some("ads"));
        save(&mut one);
        let again = lists(folder.path(), &filter).states()[0].counting_until;
        assert_eq!(again, Some(millis(now + HOUR)));
    }

    #[test]
    fn a_broken_text_gives_way_to_the_version_before_and_is_asked_for_whole() {
        let folder = tempfile::tempdir().unwrap();
        let filter = filter(std::time::Duration::ZERO);
        let mut one = lists(folder.path(), &filter);
        let now = SystemTime::now();
        one.arrived("ads", URL, now, text("a.test\n", &[]));
        one.arrived("ads", URL, now + HOUR, text("a.test\nb.test\n", &[]));
        save(&mut one);
        let newest = one.states()[0].versions[0].arrived;
        let path = Shelf::of(folder.path(), "ads").text_path(newest);
        std::fs::write(path, "a.te").unwrap();

        let mut two = lists(folder.path(), &filter);
        assert_eq!(two.states()[0].entries, 1);
        let said = two.said();
        assert!(
            said.len() == 1 && said[0].1.contains("is set aside"),
            "{said:?}"
        );
        assert_eq!(two.due(now, None).len(), 1);
    }
}
