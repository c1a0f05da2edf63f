//! Properties over random input. A failure prints the seed that repeats it.

use std::collections::BTreeSet;

use privet_cache::rules::range::{ByteRange, RangeSelection, parse, select};
use privet_cache::rules::range_set::RangeSet;
use privet_cache::rules::{date, vary};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use super::*;

/// Runs a property, from a seed that is given or printed.
fn check<S: Strategy>(strategy: S, property: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let given = std::env::var("PROPTEST_RNG_SEED").ok();
    let seed = given.and_then(|seed| seed.parse().ok()).unwrap_or_else(|| {
        use std::hash::{BuildHasher, RandomState};
        RandomState::new().hash_one(0)
    });
    eprintln!("seed: PROPTEST_RNG_SEED={seed}");
    let config = Config {
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..Config::default()
    };
    if let Err(failure) = TestRunner::new(config).run(&strategy, property) {
        panic!("{failure}\nseed: PROPTEST_RNG_SEED={seed}");
    }
}

/// Text of a field's value, with all that a list can contain.
fn value() -> impl Strategy<Value = String> {
    "[a-c0-2=\",; \\\\*/W-]{0,24}"
}

#[test]
fn a_restriction_is_found_beside_anything() {
    let restrictions =
        prop::sample::select(vec!["no-store", "No-Store", "NO-STORE=x", "no-store "]);
    check(
        (value(), restrictions, value()),
        |(before, restriction, after)| {
            // Inside a whole quoted string it says nothing.
            let balanced = before.replace(['"', '\\'], "");
            let line = format!("{balanced},{restriction},{after}");
            let kept = stored(&private(), &[("Cache-Control", &line), ("ETag", "\"a\"")]);
            prop_assert_eq!(kept, Err(CacheReason::ResponseNoStore), "{}", line);
            Ok(())
        },
    );
}

#[test]
fn dates_survive_writing_and_reading() {
    check(-62_167_219_200_i64..253_402_300_800, |seconds| {
        let mut text = Vec::new();
        date::write(&mut text, Timestamp(seconds));
        prop_assert_eq!(date::parse(&text, NOW), Some(Timestamp(seconds)));
        Ok(())
    });
}

#[test]
fn a_stored_head_has_only_lines_of_the_response() {
    let field = ("[A-Za-z:\r\n -]{1,8}", "[ -~\r\n\t]{0,12}");
    check(vec(field, 0..6), |fields| {
        let mut lines: Vec<Line<'_>> = vec![("Cache-Control", "max-age=9")];
        lines.extend(
            fields
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        );
        if let Ok(head) = stored(&private(), &lines) {
            let text = String::from_utf8_lossy(&head.lines).into_owned();
            for line in text.split_terminator("\r\n") {
                let (name, value) = line.split_once(": ").expect("a field line");
                let sent = lines.iter().any(|(n, v)| *n == name && *v == value);
                prop_assert!(sent || name == "Date", "{}", line);
            }
            let again = StoredHead::restore(
                200,
                head.lines.clone(),
                head.vary_key.clone(),
                head.received,
                head.generated,
                &private(),
            );
            prop_assert_eq!(again, head);
        }
        Ok(())
    });
}

#[test]
fn a_request_belongs_to_the_variant_that_it_made() {
    let names = prop::sample::select(vec![
        "Foo",
        "Accept",
        "Accept-Language",
        "Accept-Encoding",
        "Cookie",
        "User-Agent",
    ]);
    let request = vec((names.clone(), value()), 0..4);
    check(
        (request, vec(names, 0..4), value()),
        |(request, named, other)| {
            let request: Vec<Line<'_>> = request
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            let list = named.join(", ");
            let fields = [("Cache-Control", "max-age=9"), ("Vary", list.as_str())];
            let head = stored_as(&private(), &request, 200, &fields).expect("stored");
            let lines = request.as_slice();
            prop_assert!(vary::matches(&get(&lines), &head));
            // Another word in a named field is another variant.
            if named.contains(&"User-Agent") {
                let mut changed = request.clone();
                changed.retain(|(name, _)| *name != "User-Agent");
                let word = format!("x{other}");
                changed.push(("User-Agent", &word));
                let same = request
                    .iter()
                    .any(|(name, value)| *name == "User-Agent" && value.trim() == word.trim());
                let lines = changed.as_slice();
                prop_assert!(same || !vary::matches(&get(&lines), &head), "{}", word);
            }
            Ok(())
        },
    );
}

#[test]
fn selected_parts_are_the_bytes_that_were_asked_for() {
    let spec = prop_oneof![
        (0..30_u64, 0..30_u64).prop_map(|(first, more)| format!("{first}-{}", first + more)),
        (0..30_u64).prop_map(|first| format!("{first}-")),
        (0..30_u64).prop_map(|last| format!("-{last}")),
    ];
    check((vec(spec, 1..8), 1..40_u64), |(specs, complete)| {
        let field = format!("bytes={}", specs.join(", "));
        let selection = select(&parse(field.as_bytes()).expect("it is valid"), complete);
        let mut asked = BTreeSet::new();
        for spec in &specs {
            let (first, last) = spec.split_once('-').expect("a dash");
            let range = match (first.parse::<u64>(), last.parse::<u64>()) {
                (Ok(first), Ok(last)) => first..(last + 1).min(complete),
                (Ok(first), Err(_)) => first..complete,
                (Err(_), Ok(last)) => complete.saturating_sub(last)..complete,
                (Err(_), Err(_)) => 0..0,
            };
            asked.extend(range);
        }
        match selection {
            RangeSelection::Parts(parts) => {
                let bytes: Vec<u64> = parts
                    .iter()
                    .flat_map(|part| part.first..=part.last)
                    .collect();
                let unique: BTreeSet<u64> = bytes.iter().copied().collect();
                prop_assert_eq!(unique.len(), bytes.len(), "no byte is sent twice");
                prop_assert_eq!(unique, asked);
            }
            RangeSelection::Unsatisfiable => prop_assert!(asked.is_empty()),
            RangeSelection::Whole => prop_assert!(false, "{} is valid", field),
        }
        Ok(())
    });
}

#[test]
fn stored_parts_are_the_bytes_that_were_added() {
    let range = (0..60_u64, 0..12_u64).prop_map(|(first, more)| ByteRange {
        first,
        last: first + more,
    });
    check(
        (vec(range.clone(), 0..10), range, 1..5_usize),
        |(added, wanted, max)| {
            let mut set = RangeSet::new();
            let mut bytes = BTreeSet::new();
            for range in &added {
                prop_assert!(set.insert(*range));
                bytes.extend(range.first..=range.last);
            }
            let of = |ranges: &[ByteRange]| {
                ranges
                    .iter()
                    .flat_map(|range| range.first..=range.last)
                    .collect::<BTreeSet<u64>>()
            };
            prop_assert_eq!(of(set.ranges()), bytes.clone());
            prop_assert_eq!(set.total(), bytes.len() as u64);
            let apart = set
                .ranges()
                .windows(2)
                .all(|pair| pair[0].last + 1 < pair[1].first);
            prop_assert!(apart);
            let missing: BTreeSet<u64> = (wanted.first..=wanted.last)
                .filter(|byte| !bytes.contains(byte))
                .collect();
            prop_assert_eq!(set.covers(wanted), missing.is_empty());
            prop_assert_eq!(of(&set.missing(wanted, usize::MAX)), missing.clone());
            let fetched = set.missing(wanted, max);
            prop_assert!(fetched.len() <= max && missing.is_subset(&of(&fetched)));
            prop_assert!(fetched.iter().all(|range| wanted.contains(*range)));
            Ok(())
        },
    );
}

#[test]
fn no_field_of_a_request_or_response_panics() {
    let names = prop::sample::select(vec![
        "Cache-Control",
        "Expires",
        "Date",
        "Age",
        "Last-Modified",
        "ETag",
        "Vary",
        "Pragma",
        "Range",
        "If-Range",
        "If-None-Match",
        "If-Modified-Since",
        "Content-Range",
        "Connection",
        "CDN-Cache-Control",
        "Location",
        "Content-Location",
        "Cache-Groups",
        "No-Vary-Search",
        "Accept-Language",
        "Content-Language",
    ]);
    let lines = || vec((names.clone(), value()), 0..6);
    check(
        (lines(), lines(), 0..600_u16),
        |(request, response, seconds)| {
            let request: Vec<Line<'_>> = request
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            let response: Vec<Line<'_>> = response
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            let mut fields = vec![("Cache-Control", "max-age=60")];
            fields.extend_from_slice(&response);
            for policy in [private(), shared(), Policy::site()] {
                let Ok(head) = stored_as(&policy, &request, 200, &fields) else {
                    continue;
                };
                let lines = request.as_slice();
                let request = get(&lines);
                let answer = privet_cache::rules::answer::answer(&request, &head, Some(10));
                let mut out = Vec::new();
                privet_cache::rules::answer::write_lines(
                    &mut out,
                    &head,
                    &answer,
                    Some(10),
                    0,
                    None,
                );
                prop_assert!(out.ends_with(b"Age: 0\r\n"));
                let later = later_for(&head, i64::from(seconds), lines);
                prop_assert!(!is_fresh(later) || head.ttl(NOW.plus(i64::from(seconds))) > 0);
            }
            Ok(())
        },
    );
}
