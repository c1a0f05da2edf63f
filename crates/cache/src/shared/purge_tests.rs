//! What was purged is not used any more.

use std::time::{Duration, Instant};

use super::key::Scopes;
use super::marks::HOLD;
use super::tests::{NONE, entry, read, shared_cache, written, written_by};
use super::tier::part_of;
use super::*;
use crate::Lookup;
use crate::purge::{EntryChange, EntrySelector};
use crate::rules::validation::HeadUpdate;
use crate::testing::{FRESH, get};

#[test]
fn a_purge_holds_until_the_store_knows_it_and_afterwards() {
    let purges = Purges::default();
    let url = "http://a.test/x";
    let scopes = Scopes::of_url(url);
    let other = Scopes::of_url("http://b.test/x");
    purges.begin(PurgedPart::Url(url));
    assert_eq!(purges.known(&scopes, NONE), None);
    assert!(purges.known(&other, NONE).is_some());
    let pending = purges.pending(9, 100);
    assert_eq!((pending.len(), pending[0].at_least), (1, 100));
    purges.delivered(&pending[0], 105);
    assert!(purges.are_settled(&scopes));
    let known = Generations([0, 0, 105, 0]);
    assert_eq!(purges.known(&scopes, known), Some((known, false)));
    // The store has lost it: it is told again, and an older entry is not believed meanwhile.
    assert_eq!(purges.known(&scopes, NONE), Some((known, true)));
    assert_eq!(purges.pending(9, 100)[0].at_least, 105);
    assert!(!NONE.are_current(&known));
    assert!(purges.while_current(&scopes, &[], &NONE, || ()).is_none());
    assert!(purges.while_current(&scopes, &[], &known, || ()).is_some());
    // A later purge of the same is not settled by the answer to the first.
    purges.begin(PurgedPart::Url(url));
    purges.delivered(&pending[0], 300);
    assert!(!purges.are_settled(&scopes));
    assert_eq!(purges.pending(9, 100)[0].at_least, 106);
}

#[test]
fn an_entry_from_before_a_purge_is_refused() {
    let get = get("/x");
    let generations = Generations([3, 5, 0, 0]);
    let write = written_by(&get, FRESH, b"b", None, generations).remove(0);
    let read = |known| read(&get, &write, write.keep_for, None, Generations(known));
    assert!(matches!(read([3, 5, 0, 0]), Read::Entry(_)));
    for purged in [[4, 5, 0, 0], [3, 6, 0, 0], [3, 5, 1, 0]] {
        assert!(matches!(read(purged), Read::Refused), "{purged:?}");
    }
    // The store has lost a purge.
    for lost in [[0, 5, 0, 0], [3, 4, 0, 0]] {
        assert!(matches!(read(lost), Read::Refused), "{lost:?}");
    }
}

#[test]
fn a_purge_between_reading_and_storing_wins() {
    let get = get("/x");
    let write = written(&get, FRESH, b"b", None).remove(0);
    let found = entry(read(&get, &write, write.keep_for, None, NONE));
    let (cache, store) = shared_cache();
    let Lookup::Lead { permit, .. } = get.first(&cache) else {
        panic!("nothing is stored");
    };
    cache.change(&EntrySelector::Host("origin.test"), EntryChange::Remove);
    assert!(
        permit
            .install(found, "http://origin.test/x", false, &*store)
            .is_some()
    );
    assert!(matches!(get.first(&cache), Lookup::Lead { .. }));
}

#[test]
fn a_purge_counts_for_the_smallest_part_that_contains_it() {
    let [all, host, url, _] = Scopes::of_url("http://a.test:8080/x?y").0;
    for (selection, scope) in [
        (EntrySelector::All, Some(all)),
        (EntrySelector::Url("http://a.test:8080/x?y"), Some(url)),
        (EntrySelector::Host("A.test"), Some(host)),
        (EntrySelector::Prefix("http://a.test:8080/"), Some(host)),
        (EntrySelector::Prefix("http://a.te"), Some(all)),
        (EntrySelector::Prefix(""), Some(all)),
        (EntrySelector::Domain("test"), Some(all)),
        (EntrySelector::Site("a.test"), Some(all)),
        (EntrySelector::Tag("t"), Some(Scope::tag("t"))),
        (
            EntrySelector::Group {
                origin: "http://a.test:8080",
                group: "g",
            },
            Some(host),
        ),
        (EntrySelector::Key(crate::Key(1)), None),
    ] {
        let part = part_of(&selection);
        assert_eq!(part.map(|part| part.scope()), scope, "{selection:?}");
    }
}

const TAGGED: crate::testing::Headers<'_> = &[
    ("Cache-Control", "max-age=600"),
    ("Cache-Tag", "news, sport"),
];

/// An entry with two tags, written where all tags had generation 7, as it is read where they have `found`.
fn read_tagged(found: u64) -> Read {
    let get = get("/x");
    let write = written_by(&get, TAGGED, b"b", None, Generations([0, 0, 0, 7])).remove(0);
    let known = Generations([0, 0, 0, found]);
    read(&get, &write, write.keep_for, None, known)
}

#[test]
fn the_tags_of_an_entry_are_asked_for_where_one_was_purged_since() {
    assert!(matches!(read_tagged(7), Read::Entry(_)));
    // The store has lost a purge.
    assert!(matches!(read_tagged(6), Read::Refused));
    let Read::Tagged(entry) = read_tagged(9) else {
        panic!("a tag was purged");
    };
    assert_eq!(entry.tags(), [Scope::tag("news"), Scope::tag("sport")]);
    for (found, kept) in [
        (&[0, 0][..], true),
        (&[7, 7], true),
        (&[8, 0], false),
        (&[0, 8], false),
        (&[0], false),
        (&[], false),
    ] {
        assert_eq!(entry.keeps_tags(found), kept, "{found:?}");
    }
    // What has no tags is not asked about.
    let get = get("/x");
    let write = written_by(&get, FRESH, b"b", None, Generations([0, 0, 0, 7])).remove(0);
    for found in [6, 7, 9] {
        let known = Generations([0, 0, 0, found]);
        let read = read(&get, &write, write.keep_for, None, known);
        assert!(matches!(read, Read::Entry(_)), "{found}");
    }
}

#[test]
fn a_purge_of_a_tag_by_this_machine_holds_whatever_the_store_knows() {
    let (cache, store) = shared_cache();
    let install = || {
        let Lookup::Lead { permit, .. } = get("/x").first(&cache) else {
            panic!("nothing is stored");
        };
        let found = entry(read_tagged(7));
        permit.install(found, "http://origin.test/x", false, &*store)
    };
    let purges = &store.purges;
    cache.change(&EntrySelector::Tag("sport"), EntryChange::Remove);
    assert!(install().is_some(), "the store does not know it");
    let pending = purges.pending(9, 1);
    assert_eq!((pending.len(), pending[0].is_tag), (1, true));
    purges.delivered(&pending[0], 8);
    // It says that all tags have 7: it has lost the purge, and is told again.
    assert!(install().is_some());
    assert_eq!(purges.pending(9, 1)[0].at_least, 8);
    purges.delivered(&purges.pending(9, 1)[0], 7);
    assert!(install().is_some(), "it was 8 before");
    let (cache, store) = shared_cache();
    cache.change(&EntrySelector::Tag("weather"), EntryChange::Remove);
    let Lookup::Lead { permit, .. } = get("/x").first(&cache) else {
        panic!("nothing is stored");
    };
    let found = entry(read_tagged(7));
    let installed = permit.install(found, "http://origin.test/x", false, &*store);
    assert!(installed.is_none(), "another tag was purged");
}

/// Purges so many URLs of a host. Where that is `Some`, the store is told of each one.
fn purge_urls(purges: &Purges, host: &str, count: usize, generation: Option<u64>) {
    for number in 0..count {
        let url = format!("http://{host}/{number}");
        purges.begin(PurgedPart::Url(&url));
        assert!(!purges.are_settled(&Scopes::of_url(&url)), "{url}");
        if let Some(generation) = generation {
            let pending = purges.pending(9, 1);
            pending
                .iter()
                .for_each(|purge| purges.delivered(purge, generation));
            assert!(purges.are_settled(&Scopes::of_url(&url)), "{url}");
        }
    }
}

#[test]
fn more_purged_urls_than_are_remembered_count_as_a_purge_of_their_host() {
    let purges = Purges::default();
    purge_urls(&purges, "a.test", 20_000, None);
    assert!(!purges.are_settled(&Scopes::of_url("http://a.test/other")));
    assert!(purges.are_settled(&Scopes::of_url("http://b.test/")));
    assert_eq!(purges.pending_count(), 16 * 1024 + 1);
    // The same where the store knows them, but not for long.
    let purges = Purges::default();
    purge_urls(&purges, "a.test", 20_000, Some(5));
    let found = Generations([0, 5, 5, 0]);
    let other = Scopes::of_url("http://a.test/other");
    assert_eq!(
        purges.known(&other, NONE).unwrap().0,
        Generations([0, 5, 0, 0])
    );
    assert_eq!(
        purges.known(&Scopes::of_url("http://b.test/"), NONE),
        Some((NONE, false))
    );
    assert_eq!(
        purges.known(&Scopes::of_url("http://a.test/0"), found),
        Some((found, false))
    );
}

#[test]
fn purges_that_the_store_has_known_for_long_make_room() {
    let purges = Purges::default();
    purge_urls(&purges, "a.test", 16 * 1024, Some(5));
    let later = Instant::now() + HOLD + Duration::from_secs(1);
    for number in 0..100 {
        let url = format!("http://b.test/{number}");
        purges.begin_at(PurgedPart::Url(&url), later);
        let old = Scopes::of_url(&format!("http://a.test/{number}"));
        assert_eq!(purges.known(&old, NONE), Some((NONE, false)), "{number}");
    }
    assert!(purges.are_settled(&Scopes::of_url("http://b.test/other")));
    assert_eq!(purges.pending_count(), 100);
}

#[test]
fn more_purged_hosts_than_are_remembered_count_as_a_purge_of_everything() {
    let purges = Purges::default();
    for number in 0..20_000 {
        let host = format!("{number}.test");
        purges.begin(PurgedPart::Host(&host));
        let scopes = Scopes::of_url(&format!("http://{host}/"));
        assert!(!purges.are_settled(&scopes), "{number}");
    }
    assert!(!purges.are_settled(&Scopes::of_url("http://b.test/")));
    assert!(purges.pending_count() <= 17 * 1024);
}

#[test]
fn a_response_that_a_head_request_showed_to_be_old_does_not_come_back() {
    let get = get("/x");
    let (cache, store) = shared_cache();
    get.fill(&cache, FRESH, b"b");
    let Lookup::Hit { entry, .. } = get.first(&cache) else {
        panic!("it is stored");
    };
    let update = HeadUpdate::MarkStale;
    cache.update_by_head(get.key(&cache), &entry, update, PurgeReach::AllMachines);
    assert!(!store.purges.are_settled(&Scopes::of_url(entry.url())));
}

#[test]
fn what_is_purged_for_this_machine_only_is_not_told() {
    let (cache, store) = shared_cache();
    let url = "http://a.test/x";
    let scopes = Scopes::of_url(url);
    cache.purge_shared_url(url, PurgeReach::ThisMachine);
    assert_eq!(store.purges.pending_count(), 0);
    assert!(!store.purges.are_settled(&scopes));
    assert_eq!(store.purges.known(&scopes, NONE), None);
    // A purge for all ends that once the store knows it.
    cache.purge_shared_url(url, PurgeReach::AllMachines);
    let pending = store.purges.pending(9, 100);
    cache.purge_shared_url(url, PurgeReach::ThisMachine);
    store.purges.delivered(&pending[0], 100);
    assert!(!store.purges.are_settled(&scopes));
    let pending = store.purges.pending(9, 101);
    store.purges.delivered(&pending[0], 101);
    assert!(store.purges.are_settled(&scopes));
}
