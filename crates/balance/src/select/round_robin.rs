//! Smooth weighted round-robin, as nginx has it: each candidate's lag grows by its weight, the one with the largest
//! lag is taken and loses the sum of weights.
//!
//! Why its error is bounded, with lags in units of that sum: each selection adds one unit in all, spread by weight, and
//! takes one unit from the largest lag. By induction the average of the k largest lags stays at or below H(n) − H(k),
//! where H(n) = 1 + 1/2 + … + 1/n. So a lag is at most H(n) − 1, and never below −1. Two lags differ by less than H(n),
//! which bounds any window.

use super::slot::Slot;

/// Turns of [`start`] at most.
const MAX_TURNS: u64 = 64;

/// The candidate that [`take`] would take.
pub(crate) fn peek<'a>(candidates: impl Iterator<Item = (usize, &'a Slot)>) -> Option<usize> {
    let mut best = None;
    for (place, slot) in candidates {
        let lag = slot.lag + i64::from(slot.weight);
        if best.is_none_or(|(_, most)| lag > most) {
            best = Some((place, lag));
        }
    }
    best.map(|(place, _)| place)
}

pub(crate) fn take(
    slots: &mut [Slot],
    is_candidate: impl Fn(usize, &Slot) -> bool,
) -> Option<usize> {
    let mut sum = 0;
    let mut best = None;
    for (place, slot) in slots.iter_mut().enumerate() {
        if !is_candidate(place, slot) {
            continue;
        }
        let weight = i64::from(slot.weight);
        sum += weight;
        slot.lag += weight;
        if best.is_none_or(|(_, most)| slot.lag > most) {
            best = Some((place, slot.lag));
        }
    }
    let (place, _) = best?;
    slots.get_mut(place)?.lag -= sum;
    Some(place)
}

/// Starts at a random place, so that the selectors of several threads do not all begin with the same member.
pub(crate) fn start(slots: &mut [Slot], dice: u64) {
    let is_available = |slot: &Slot| slot.tier == crate::member::Tier::Available;
    let available = slots.iter().filter(|slot| is_available(slot)).count() as u64;
    let turns = dice.checked_rem(available).unwrap_or(0).min(MAX_TURNS);
    for _ in 0..turns {
        take(slots, |_, slot| is_available(slot));
    }
}
