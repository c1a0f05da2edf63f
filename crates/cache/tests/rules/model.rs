//! The rules against a simple model of the standard, over random requests, responses and clocks.
//!
//! The model ([`reference`]) knows what a response means before it is written down; the rules read it from field lines in
//! random spellings. Both keep the same variants of one URL and have to agree on every decision.

mod meaning;
mod random;
mod reference;

use meaning::{Meaning, ModelRequest};
use privet_cache::rules::validation::{Merged, NamedEntries, identifies, merge};
use privet_cache::rules::{reuse, vary};
use random::Random;
use reference::{Kind, Model};

use super::*;

/// Histories of each kind of cache.
const HISTORIES: u64 = 50_000;

/// Prints the seed of a history that fails.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the history of PRIVET_CACHE_SEED={}", self.0);
        }
    }
}

/// The seeds to run: one that is given, or many from a random start, which is printed.
fn seeds() -> impl Iterator<Item = u64> {
    let given = std::env::var("PRIVET_CACHE_SEED").ok();
    let given = given.and_then(|seed| seed.parse::<u64>().ok());
    let start = given.unwrap_or_else(|| {
        use std::hash::{BuildHasher, RandomState};
        RandomState::new().hash_one(0) >> 16
    });
    eprintln!("seed: PRIVET_CACHE_SEED={start}");
    let count = if given.is_some() { 1 } else { HISTORIES };
    (0..count).map(move |index| start.wrapping_add(index))
}

#[test]
fn a_shared_cache_decides_as_the_model_in_every_history() {
    for seed in seeds() {
        history(seed, &Policy::shared());
    }
}

#[test]
fn a_private_cache_decides_as_the_model_in_every_history() {
    for seed in seeds() {
        history(seed, &Policy::private());
    }
}

fn history(seed: u64, policy: &Policy) {
    let _shown = Seed(seed);
    let mut random = Random::new(seed);
    let mut model = Model::new(policy.shared);
    let mut variants: Vec<StoredHead> = Vec::new();
    let mut now = NOW;
    for _ in 0..2 + random.below(5) {
        now = now.plus(random.step());
        let ask = ModelRequest::random(&mut random);
        let lines = ask.lines(&mut random);
        let lines = borrow(&lines);
        let lines = lines.as_slice();
        let request = Request::new(ask.method.as_bytes(), TARGET, &lines);
        let place = vary::select(&request, variants.iter());
        assert_eq!(place, model.select(&ask), "the variant");
        let decision = place.map(|place| reuse::reuse(&request, &variants[place], now));
        let expected = place.map(|place| model.decide(&ask, place, now.0));
        assert_eq!(decision.map(Kind::from), expected, "{lines:?}");
        match (decision, place) {
            (Some(Reuse::Validate { .. }), Some(place)) if random.chance(2) => {
                validated(
                    &mut random,
                    &mut model,
                    &mut variants,
                    &request,
                    &ask,
                    place,
                    now,
                    policy,
                );
            }
            (Some(Reuse::Fresh { .. } | Reuse::StaleAccepted { .. }), _) => {}
            _ => fetched(
                &mut random,
                &mut model,
                &mut variants,
                &request,
                &ask,
                place,
                now,
                policy,
            ),
        }
    }
}

fn borrow(lines: &[(String, String)]) -> Vec<Line<'_>> {
    lines
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

#[expect(
    clippy::too_many_arguments,
    reason = "both sides of the comparison, and what happens to them"
)]
fn fetched(
    random: &mut Random,
    model: &mut Model,
    variants: &mut Vec<StoredHead>,
    request: &Request<'_>,
    ask: &ModelRequest,
    place: Option<usize>,
    now: Timestamp,
    policy: &Policy,
) {
    let meaning = Meaning::random(random);
    let lines = meaning.lines(random, now);
    let lines = borrow(&lines);
    let lines = lines.as_slice();
    let response = Response {
        status: meaning.status,
        fields: &lines,
        body_len: None,
    };
    let delay = random.below(4);
    let kept = store(request, &response, now.plus(-delay), now, policy);
    let expected = model.stores(ask, &meaning, now.0);
    assert_eq!(
        kept.is_ok(),
        expected,
        "{kept:?} of {:?}: {lines:?}",
        request.method
    );
    if let Ok(head) = kept {
        if let Some(place) = place {
            variants.remove(place);
            model.remove(place);
        }
        variants.push(head);
        model.add(ask, meaning, now.0, delay);
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "both sides of the comparison, and what happens to them"
)]
fn validated(
    random: &mut Random,
    model: &mut Model,
    variants: &mut Vec<StoredHead>,
    request: &Request<'_>,
    ask: &ModelRequest,
    place: usize,
    now: Timestamp,
    policy: &Policy,
) {
    let meaning = Meaning::random(random);
    let lines = meaning.lines(random, now);
    let lines = borrow(&lines);
    let lines = lines.as_slice();
    let about = identifies(&variants[place], &lines, NamedEntries::One);
    assert_eq!(about, model.identifies(place, &meaning), "{lines:?}");
    if !about {
        return;
    }
    let delay = random.below(4);
    let merged = merge(
        request,
        &variants[place],
        &lines,
        now.plus(-delay),
        now,
        policy,
    );
    let keep = model.merge(ask, place, meaning, now.0, delay);
    match merged {
        Merged::Update(head) => {
            assert!(keep, "kept: {lines:?}");
            variants[place] = head;
        }
        Merged::SendOnly(_, why) => {
            assert!(!keep, "not kept: {why:?}: {lines:?}");
            variants.remove(place);
            model.remove(place);
        }
    }
}
