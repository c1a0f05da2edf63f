//! Peak EWMA with the power of two choices, as in Finagle and linkerd.

use std::time::Instant;

use super::slot::{Slot, Wanted};
use crate::dice::below;

/// `sums`: the running sums of the candidates' weights, where they are known.
pub(crate) fn choose(
    slots: &[Slot],
    wanted: Wanted<'_>,
    sums: Option<&[u64]>,
    now: Instant,
    dice: u64,
) -> Option<usize> {
    let total = match sums {
        Some(sums) => sums.last().copied().unwrap_or(0),
        None => wanted
            .among(slots)
            .map(|(_, slot)| u64::from(slot.weight))
            .sum(),
    };
    let at = |point: u64| match sums {
        Some(sums) => at_by_sums(slots, sums, point),
        None => at(slots, wanted, point),
    };
    let first = at(below(dice as u32, total))?;
    let others = total - first.weight;
    if others == 0 {
        return Some(first.place);
    }
    // A point outside the first one's range.
    let point = below((dice >> 32) as u32, others);
    let skip = if point < first.start { 0 } else { first.weight };
    let second = at(point + skip)?;
    let cost = |drawn: &Drawn| {
        let cost = slots.get(drawn.place).map(|slot| slot.load.cost(now));
        cost.unwrap_or(f32::MAX) / drawn.weight as f32
    };
    let better = if cost(&second) < cost(&first) {
        second
    } else {
        first
    };
    Some(better.place)
}

/// A member, and its range among the weights: `start..start + weight`.
struct Drawn {
    place: usize,
    start: u64,
    weight: u64,
}

fn at(slots: &[Slot], wanted: Wanted<'_>, point: u64) -> Option<Drawn> {
    let mut start = 0;
    for (place, slot) in wanted.among(slots) {
        let weight = u64::from(slot.weight);
        if point < start + weight {
            return Some(Drawn {
                place,
                start,
                weight,
            });
        }
        start += weight;
    }
    None
}

fn at_by_sums(slots: &[Slot], sums: &[u64], point: u64) -> Option<Drawn> {
    let place = sums.partition_point(|sum| *sum <= point);
    let weight = u64::from(slots.get(place)?.weight);
    Some(Drawn {
        place,
        start: sums.get(place)? - weight,
        weight,
    })
}
