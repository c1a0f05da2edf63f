//! Applies the outcome of a fetch: activates a good text, holds one that would block the user's own sites, and keeps the
//! active text after a failure.

use std::time::SystemTime;

use privet_config::ListSource;
use privet_config::unix_time::unix_ms;

use super::entry::ListEntry;
use super::fetch_job::{FetchOutcome, FetchResult, ListUpdate};
use super::read::ParsedList;
use super::record::{AffectedSite, HeldVersion};
use super::store::Lists;
use super::versions::{VersionInfo, VersionStore};

impl Lists {
    /// Applies the outcome of fetching `url`. Returns whether another text is active now. Blocking: writes texts.
    pub(crate) fn apply_fetch(
        &mut self,
        name: &str,
        url: &str,
        now: SystemTime,
        outcome: FetchResult,
    ) -> bool {
        let store = VersionStore::of(&self.data_dir, name);
        let of = |entry: &&mut ListEntry| {
            entry.setting.name == name
                && matches!(&entry.setting.source, ListSource::Url(of) if of == url)
        };
        // The configuration may have changed during the fetch: the list was removed or has another source.
        let Some(entry) = self.entries.iter_mut().find(of) else {
            return false;
        };
        self.unsaved = true;
        entry.fetching = false;
        entry.last_attempt_ms = unix_ms(now);
        // Guards against a clock that was set back: do not fetch every second.
        entry.record.checked = entry.record.checked.min(entry.last_attempt_ms);
        let applied = outcome.and_then(|fetched| {
            entry.record.checked = unix_ms(now);
            match fetched {
                FetchOutcome::Updated(update) => entry.accept_update(*update, &store, now),
                FetchOutcome::NotModified => Ok(false),
            }
        });
        entry.error = applied.as_ref().err().cloned();
        applied.unwrap_or(false)
    }
}

impl ListEntry {
    /// Returns whether the update is active now.
    fn accept_update(
        &mut self,
        update: ListUpdate,
        store: &VersionStore,
        now: SystemTime,
    ) -> Result<bool, String> {
        // The user rolled back during the fetch.
        if self.record.pinned.is_some() {
            return Ok(false);
        }
        let newest = self.versions.first();
        let info = VersionInfo {
            // Ids are unique even if the clock was set back.
            id: unix_ms(now).max(newest.map_or(0, |newest| newest.id + 1)),
            ..update.info
        };
        if let Some(newest) = newest.filter(|newest| newest.sum == info.sum) {
            let info = VersionInfo {
                id: newest.id,
                ..info
            };
            return self.confirm_unchanged(info, update.parsed, store);
        }
        let active = self.parsed.as_ref().map_or(0, ParsedList::entries);
        let shrinks_from = match info.entries.saturating_mul(2) < active {
            true => active,
            false => 0,
        };
        if !update.newly_blocked.is_empty() || shrinks_from > 0 {
            let held = self.record.held.as_ref();
            if held.is_some_and(|held| held.info.sum == info.sum) {
                return Ok(false);
            }
            store
                .store_held(&info, &update.bytes)
                .map_err(cannot_store)?;
            self.record.held = Some(HeldVersion {
                info,
                sites: update
                    .newly_blocked
                    .into_iter()
                    .map(AffectedSite::from)
                    .collect(),
                shrinks_from,
                declined: false,
            });
            return Ok(false);
        }
        match store.store_newest(&info, &update.bytes) {
            Ok(()) => self.activate_stored(&info, update.parsed, store),
            Err(error) => self.activate_unstored(update.parsed, &error),
        }
        self.start_probation(now);
        Ok(true)
    }

    /// The server sent the stored text again under a new validator. Returns whether it was not active before.
    fn confirm_unchanged(
        &mut self,
        info: VersionInfo,
        parsed: ParsedList,
        store: &VersionStore,
    ) -> Result<bool, String> {
        if let Err(error) = store.update_info(&info) {
            self.activate_unstored(parsed, &error);
            return Ok(true);
        }
        self.drop_held(store);
        let was_other = self.active_version != Some(info.id);
        self.activate(store, info.id, parsed);
        self.versions = store.versions(&info.url);
        Ok(was_other)
    }

    pub(super) fn adopt_version(
        &mut self,
        info: VersionInfo,
        parsed: ParsedList,
        text: &[u8],
        store: &VersionStore,
    ) -> Result<(), String> {
        store.store_newest(&info, text).map_err(cannot_store)?;
        self.activate_stored(&info, parsed, store);
        Ok(())
    }

    fn activate_stored(&mut self, info: &VersionInfo, parsed: ParsedList, store: &VersionStore) {
        self.drop_held(store);
        self.activate(store, info.id, parsed);
        self.versions = store.versions(&info.url);
        self.storage_error = None;
    }

    /// The data folder takes nothing: the text is used from memory, and the list says so.
    fn activate_unstored(&mut self, parsed: ParsedList, error: &std::io::Error) {
        self.parsed = Some(parsed);
        self.active_version = None;
        self.text_path = None;
        self.storage_error = Some(error.to_string());
    }

    fn drop_held(&mut self, store: &VersionStore) {
        if self.record.held.take().is_some() {
            store.drop_held();
        }
    }
}

fn cannot_store(error: std::io::Error) -> String {
    format!("the list cannot be stored: {error}")
}

#[cfg(test)]
pub(super) mod tests {
    use bytes::Bytes;
    use privet_config::{Filter, FilterList, ListFormat};
    use privet_policy::{Host, VisitedSite};

    use super::super::versions::{VersionInfo, checksum};
    use super::super::{ListAction, ListPhase, parse};
    use super::*;

    pub(in crate::supervise::lists) const URL: &str = "http://lists.test/ads";
    const HOUR_MS: std::time::Duration = std::time::Duration::from_secs(3600);

    pub(in crate::supervise::lists) fn filter(probation: std::time::Duration) -> Filter {
        Filter {
            lists: vec![FilterList {
                name: "ads".into(),
                source: ListSource::Url(URL.into()),
                format: ListFormat::Domains,
                enabled: true,
                refresh: HOUR_MS,
                probation,
                private_addresses: false,
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
    ) -> Result<FetchOutcome, String> {
        let site = |host: &&str| VisitedSite {
            host: Host::parse(host).unwrap(),
            connections: 212,
        };
        Ok(FetchOutcome::Updated(Box::new(ListUpdate {
            parsed: parse("ads", text.as_bytes(), ListFormat::Domains)?,
            info: VersionInfo {
                url: URL.into(),
                entries: text.lines().count() as u64,
                bytes: text.len() as u64,
                sum: Some(checksum(text.as_bytes())),
                ..VersionInfo::default()
            },
            bytes: Bytes::copy_from_slice(text.as_bytes()),
            newly_blocked: blocks.iter().map(site).collect(),
        })))
    }

    fn save(lists: &mut Lists) {
        let records = lists.take_unsaved(true).expect("something changed");
        records.write(lists.data_dir()).unwrap();
    }

    #[test]
    fn an_update_that_would_block_own_sites_is_held_across_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let filter = filter(std::time::Duration::ZERO);
        let mut one = lists(folder.path(), &filter);
        let now = SystemTime::now();
        assert!(one.apply_fetch("ads", URL, now, text("a.test\n", &[])));
        let update = "a.test\nmine.test\n";
        assert!(!one.apply_fetch("ads", URL, now + HOUR_MS, text(update, &["mine.test"])));
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
        assert!(!two.apply_fetch("ads", URL, now + 2 * HOUR_MS, text(update, &["mine.test"])));
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
    fn a_rollback_pins_the_version_until_updates_are_resumed() {
        let folder = tempfile::tempdir().unwrap();
        let filter = filter(std::time::Duration::ZERO);
        let mut one = lists(folder.path(), &filter);
        let now = SystemTime::now();
        for n in 1..=3_u32 {
            let body: String = (0..n).map(|m| format!("h{m}.test\n")).collect();
            assert!(one.apply_fetch("ads", URL, now + n * HOUR_MS, text(&body, &[])));
        }
        one.act("ads", ListAction::Rollback).unwrap();
        assert_eq!((one.states()[0].entries, one.states()[0].pinned), (2, true));
        one.act("ads", ListAction::Rollback).unwrap();
        assert_eq!(one.states()[0].entries, 1);
        assert!(
            one.act("ads", ListAction::Rollback).is_err(),
            "there is none before"
        );
        assert!(!one.apply_fetch("ads", URL, now + 9 * HOUR_MS, text("x.test\n", &[])));
        assert!(one.take_fetches(now + 99 * HOUR_MS, None).is_empty());
        save(&mut one);

        let mut two = lists(folder.path(), &filter);
        assert_eq!((two.states()[0].entries, two.states()[0].pinned), (1, true));
        two.act("ads", ListAction::Resume).unwrap();
        let state = &two.states()[0];
        assert_eq!((state.entries, state.pinned), (3, false));
        assert_eq!(
            two.take_fetches(now, None).len(),
            1,
            "it is asked for at once"
        );
    }

    #[test]
    fn an_update_that_shrinks_the_list_by_more_than_half_is_held() {
        let folder = tempfile::tempdir().unwrap();
        let mut one = lists(folder.path(), &filter(std::time::Duration::ZERO));
        let now = SystemTime::now();
        let many = "a.test\nb.test\nc.test\nd.test\ne.test\n";
        assert!(one.apply_fetch("ads", URL, now, text(many, &[])));
        assert!(!one.apply_fetch("ads", URL, now, text("a.test\n", &[])));
        let state = &one.states()[0];
        let held = state.held.as_ref().expect("it is held");
        assert_eq!(held.text, "it would shrink the list from 5 to 1 entries");
        assert_eq!(state.entries, 5);
        one.act("ads", ListAction::Accept).unwrap();
        assert_eq!(one.states()[0].entries, 1);
    }

    #[test]
    fn a_list_that_cannot_be_stored_is_used_from_memory_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let mut one = lists(folder.path(), &filter(std::time::Duration::ZERO));
        // A file where the folder of the lists should be.
        std::fs::write(folder.path().join("lists"), "").unwrap();
        let now = SystemTime::now();
        assert!(one.apply_fetch("ads", URL, now, text("a.test\n", &[])));
        let state = &one.states()[0];
        assert_eq!((state.entries, state.phase), (1, ListPhase::Blocking));
        let error = state.not_stored.as_ref().expect("it says so");
        assert!(!error.is_empty() && state.error.is_none(), "{error}");
    }

    #[test]
    fn probation_begins_with_the_first_text_and_ends_by_the_clock() {
        let folder = tempfile::tempdir().unwrap();
        let filter = filter(HOUR_MS);
        let mut one = lists(folder.path(), &filter);
        assert_eq!(one.states()[0].phase, ListPhase::Waiting);
        let now = SystemTime::now();
        one.apply_fetch("ads", URL, now, text("a.test\n", &[]));
        one.policy_lists();
        assert_eq!(one.states()[0].phase, ListPhase::Counting);
        assert_eq!(one.ended_probation(now), None);
        assert_eq!(one.ended_probation(now + HOUR_MS), Some("ads"));
        save(&mut one);
        let again = lists(folder.path(), &filter).states()[0].counting_until;
        assert_eq!(again, Some(unix_ms(now + HOUR_MS)));
    }

    #[test]
    fn a_damaged_text_is_replaced_by_the_previous_version_and_fetched_unconditionally() {
        let folder = tempfile::tempdir().unwrap();
        let filter = filter(std::time::Duration::ZERO);
        let mut one = lists(folder.path(), &filter);
        let now = SystemTime::now();
        one.apply_fetch("ads", URL, now, text("a.test\n", &[]));
        one.apply_fetch("ads", URL, now + HOUR_MS, text("a.test\nb.test\n", &[]));
        save(&mut one);
        let newest = one.states()[0].versions[0].arrived;
        let path = VersionStore::of(folder.path(), "ads").text_path(newest);
        std::fs::write(path, "a.te").unwrap();

        let mut two = lists(folder.path(), &filter);
        assert_eq!(two.states()[0].entries, 1);
        let notices = two.take_notices();
        assert!(
            notices.len() == 1 && notices[0].text.contains("is set aside"),
            "{}",
            notices[0].text
        );
        assert_eq!(two.take_fetches(now, None).len(), 1);
    }
}
