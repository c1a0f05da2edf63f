//! What was purged is not used any more.

use super::key::{Scope, Scopes};
use super::tests::{NONE, entry, read, shared_cache, written, written_by};
use super::tier::scope_of;
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
    purges.begin(Scope::url(url));
    assert_eq!(purges.known(&scopes, NONE), None);
    assert!(purges.known(&other, NONE).is_some());
    let pending = purges.pending(100);
    assert_eq!((pending.len(), pending[0].at_least), (1, 100));
    purges.delivered(&pending[0], 105);
    assert!(purges.are_settled(&scopes));
    let known = Generations([0, 0, 105]);
    assert_eq!(purges.known(&scopes, known), Some((known, false)));
    // The store has lost it: it is told again, and an older entry is not believed meanwhile.
    assert_eq!(purges.known(&scopes, NONE), Some((known, true)));
    assert_eq!(purges.pending(100)[0].at_least, 105);
    assert!(!NONE.are_current(&known));
    assert!(purges.while_current(&scopes, &NONE, || ()).is_none());
    assert!(purges.while_current(&scopes, &known, || ()).is_some());
    // A later purge of the same is not settled by the answer to the first.
    purges.begin(Scope::url(url));
    purges.delivered(&pending[0], 300);
    assert!(!purges.are_settled(&scopes));
    assert_eq!(purges.pending(100)[0].at_least, 106);
}

#[test]
fn an_entry_from_before_a_purge_is_refused() {
    let get = get("/x");
    let generations = Generations([3, 5, 0]);
    let write = written_by(&get, FRESH, b"b", None, generations).remove(0);
    let read = |known| read(&get, &write, write.keep_for, None, Generations(known));
    assert!(matches!(read([3, 5, 0]), Read::Entry(_)));
    assert!(matches!(read([3, 4, 0]), Read::Entry(_)));
    for purged in [[4, 5, 0], [3, 6, 0], [3, 5, 1]] {
        assert!(matches!(read(purged), Read::Refused), "{purged:?}");
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
fn a_purge_counts_for_the_smallest_scope_that_contains_it() {
    let [all, host, url] = Scopes::of_url("http://a.test:8080/x?y").0;
    for (selection, scope) in [
        (EntrySelector::All, Some(all)),
        (EntrySelector::Url("http://a.test:8080/x?y"), Some(url)),
        (EntrySelector::Host("A.test"), Some(host)),
        (EntrySelector::Prefix("http://a.test:8080/"), Some(host)),
        (EntrySelector::Prefix("http://a.te"), Some(all)),
        (EntrySelector::Prefix(""), Some(all)),
        (EntrySelector::Domain("test"), Some(all)),
        (EntrySelector::Site("a.test"), Some(all)),
        (EntrySelector::Tag("t"), Some(all)),
        (
            EntrySelector::Group {
                origin: "http://a.test:8080",
                group: "g",
            },
            Some(host),
        ),
        (EntrySelector::Key(crate::Key(1)), None),
    ] {
        assert_eq!(scope_of(&selection), scope, "{selection:?}");
    }
}

#[test]
fn more_purges_than_are_remembered_count_as_one_of_everything() {
    let purges = Purges::default();
    for number in 0..20_000 {
        let url = format!("http://a.test/{number}");
        purges.begin(Scope::url(&url));
        let scopes = Scopes::of_url(&url);
        assert!(!purges.are_settled(&scopes), "{number}");
    }
    assert!(!purges.are_settled(&Scopes::of_url("http://b.test/")));
    assert!(purges.pending_count() <= 16 * 1024);
}

#[test]
fn a_response_that_a_head_request_showed_to_be_old_does_not_come_back() {
    let get = get("/x");
    let (cache, store) = shared_cache();
    get.fill(&cache, FRESH, b"b");
    let Lookup::Hit { entry, .. } = get.first(&cache) else {
        panic!("it is stored");
    };
    cache.update_by_head(get.key(&cache), &entry, HeadUpdate::MarkStale);
    assert!(!store.purges.are_settled(&Scopes::of_url(entry.url())));
}
