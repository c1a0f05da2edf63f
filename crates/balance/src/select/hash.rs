//! Rendezvous hashing, weighted, with an optional bound on load.
//!
//! Rendezvous rather than a ring or Maglev: only the keys of the member that comes or goes move, exactly its share (a
//! Maglev table moves others too, a ring is uneven by some percent), there is no table to build on each thread after
//! each change of health, and a member that is passed over has a well-defined successor. It reads every member, which
//! the bound has to do in any case.

use std::f64::consts::{FRAC_1_SQRT_2, LN_2};

use super::slot::{Slot, Wanted};
use crate::hash::rendezvous;

/// At the moment of selection no member gets more than this times its share of the requests in flight, rounded up,
/// unless all others were tried. Other threads that select at the same moment may exceed it by one each.
pub const LOAD_BOUND: f64 = BOUND.0 as f64 / BOUND.1 as f64;
const BOUND: (u64, u64) = (5, 4);

pub(crate) fn choose(slots: &[Slot], wanted: Wanted<'_>, key: u64) -> Option<usize> {
    nearest(wanted.among(slots), key)
}

pub(crate) fn choose_bounded(slots: &[Slot], wanted: Wanted<'_>, key: u64) -> Option<usize> {
    let (mut in_flight, mut weight) = (0, 0);
    for (_, slot) in wanted.among(slots) {
        in_flight += slot.load.in_flight();
        weight += u64::from(slot.weight);
    }
    let most = BOUND.0 * (in_flight + 1);
    // In flight < bound × (all in flight + 1) × weight ÷ all weights.
    let has_room = |slot: &Slot| {
        slot.load.in_flight() * BOUND.1 * weight < most.saturating_mul(u64::from(slot.weight))
    };
    let with_room = wanted.among(slots).filter(|(_, slot)| has_room(slot));
    nearest(with_room, key).or_else(|| choose(slots, wanted, key))
}

/// The candidate with the lowest −ln(value) ÷ weight, where the values are uniform in (0, 1): each is the lowest with
/// a probability in proportion to its weight.
fn nearest<'a>(candidates: impl Iterator<Item = (usize, &'a Slot)>, key: u64) -> Option<usize> {
    let mut best: Option<(usize, f64, f64)> = None;
    for (place, slot) in candidates {
        let distance = minus_ln(rendezvous(key, slot.id));
        let weight = f64::from(slot.weight);
        if best.is_none_or(|(_, least, of)| distance * of < least * weight) {
            best = Some((place, distance, weight));
        }
    }
    best.map(|(place, ..)| place)
}

/// −ln(value ÷ 2⁶⁴), with a relative error below 10⁻⁷. Not `f64::ln`, which differs between platforms: two instances
/// must agree on a key's member. It costs less too.
fn minus_ln(value: u64) -> f64 {
    let bits = (value.max(1) as f64).to_bits();
    // A mantissa between √½ and √2, without a branch that nobody can predict.
    let exponent = bits.wrapping_sub(FRAC_1_SQRT_2.to_bits()) as i64 >> 52;
    let mantissa = f64::from_bits(bits.wrapping_sub((exponent << 52) as u64));
    // ln m = 2 artanh s.
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let q = s * s;
    let artanh = s * (1.0 + q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * (1.0 / 7.0 + q / 9.0))));
    (64 - exponent) as f64 * LN_2 - 2.0 * artanh
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dice;

    #[test]
    fn the_logarithm_is_exact_enough() {
        let mut dice = Dice::new(1);
        let random = (0..10_000).map(|_| dice.roll() >> (dice.roll() % 64));
        for value in random.chain([0, 1, 2, u64::MAX - 5_000, u64::MAX / 2, u64::MAX]) {
            let exact = -(value.max(1) as f64 / 2_f64.powi(64)).ln();
            assert!((minus_ln(value) - exact).abs() <= exact * 1e-7, "{value}");
        }
    }
}
