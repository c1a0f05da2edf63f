use super::*;
use crate::lookup::Lookup;
use crate::testing::*;

#[test]
fn entries_are_changed_by_url_prefix_host_tag_and_owner() {
    let cache = cache();
    let tagged: Headers<'_> = &[
        ("Cache-Control", "max-age=60"),
        ("Cache-Tag", "news, sports"),
    ];
    get("/a/1").fill(&cache, tagged, b"1");
    get("/a/2").fill(&cache, FRESH, b"2");
    get("/b").fill(
        &cache,
        &[
            ("Cache-Control", "max-age=60"),
            ("Surrogate-Key", "sports x"),
        ],
        b"3",
    );
    for (selection, count) in [
        (EntrySelector::All, 3),
        (EntrySelector::Url("http://origin.test/a/1"), 1),
        (EntrySelector::Url("http://origin.test/a"), 0),
        (EntrySelector::Prefix("http://origin.test/a/"), 2),
        (EntrySelector::Host("Origin.test"), 3),
        (EntrySelector::Host("test"), 0),
        (EntrySelector::Domain("test"), 3),
        (EntrySelector::Tag("sports"), 2),
        (EntrySelector::Tag("sport"), 0),
        (EntrySelector::Owner(1), 3),
        (EntrySelector::Owner(2), 0),
    ] {
        assert_eq!(
            cache.change(&selection, EntryChange::Invalidate),
            count,
            "{selection:?}"
        );
        let valid = ["/a/1", "/a/2", "/b"]
            .iter()
            .filter(|path| get(path).body(&cache).is_some());
        assert_eq!(valid.count(), 3 - count, "{selection:?}");
        assert_eq!(cache.change(&selection, EntryChange::Restore), count);
    }
    assert_eq!(get("/a/1").body(&cache).as_deref(), Some(&b"1"[..]));
    assert_eq!(
        cache.change(&EntrySelector::Tag("news"), EntryChange::Remove),
        1
    );
    drop(get("/a/1").lead(&cache));
    assert_eq!(cache.stats().entries, 2);
}

#[test]
fn a_pinned_entry_stays_when_others_leave() {
    let cache = cache_of(1 << 20);
    get("/pinned").fill(&cache, FRESH, b"kept");
    assert_eq!(
        cache.change(
            &EntrySelector::Url("http://origin.test/pinned"),
            EntryChange::Pin
        ),
        1
    );
    for number in 0..1000 {
        get(&format!("/{number}")).fill(&cache, FRESH, &[b'x'; 10_000]);
    }
    assert_eq!(get("/pinned").body(&cache).as_deref(), Some(&b"kept"[..]));
}

#[test]
fn what_changes_meanwhile_holds_for_a_response_on_its_way() {
    let cache = cache();
    let store = |path: &str, at_once: bool, meanwhile: &dyn Fn()| {
        let get = get(path);
        let permit = get.lead(&cache);
        meanwhile();
        if at_once {
            permit.store_whole(get.head(FRESH), &get.new_entry(), b"a body");
        } else {
            let (_, mut writer) = permit.store(get.head(FRESH), &get.new_entry());
            writer.push(b"a body").expect("any length");
            writer.finish(b"").expect("any length");
        }
        get.first(&cache)
    };
    for at_once in [true, false] {
        let key = get("/invalid").key(&cache);
        let found = store("/invalid", at_once, &|| cache.invalidate(key));
        assert!(matches!(found, Lookup::Validate { .. }), "{found:?}");
        let found = store("/other", at_once, &|| cache.invalidate(key));
        assert!(matches!(found, Lookup::Hit { .. }), "{found:?}");
        let site = EntrySelector::Site("origin.test");
        let found = store("/removed", at_once, &|| {
            cache.change(&site, EntryChange::Remove);
        });
        assert!(matches!(found, Lookup::Lead { .. }), "{found:?}");
    }
}

#[test]
fn a_304_on_its_way_does_not_make_valid_what_was_invalidated_meanwhile() {
    let cache = cache();
    let get = get("/a");
    get.fill(&cache, FRESH, b"a body");
    cache.invalidate(get.key(&cache));
    let confirm = |meanwhile: &dyn Fn()| match get.first(&cache) {
        Lookup::Validate { permit, .. } => {
            meanwhile();
            permit.not_modified(get.head(FRESH)).expect("it is there");
            get.first(&cache)
        }
        other => panic!("{other:?}"),
    };
    let found = confirm(&|| cache.invalidate(get.key(&cache)));
    let Lookup::Validate { permit, .. } = found else {
        panic!("{found:?}")
    };
    drop(permit);
    let found = confirm(&|| {});
    assert!(matches!(found, Lookup::Hit { .. }), "{found:?}");
}
