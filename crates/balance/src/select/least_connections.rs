//! Weighted least connections: the fewest requests in flight ÷ weight, among equals round-robin.

use super::round_robin;
use super::slot::{Slot, Wanted};

pub(crate) fn take(slots: &mut [Slot], wanted: Wanted<'_>) -> Option<usize> {
    let mut least: Option<(u64, u64)> = None;
    for (place, slot) in slots.iter_mut().enumerate() {
        if !wanted.has(place, slot) {
            continue;
        }
        // Read once: other threads change it meanwhile.
        slot.in_flight = slot.load.in_flight();
        let weight = u64::from(slot.weight);
        if least.is_none_or(|(fewest, of)| slot.in_flight * of < fewest * weight) {
            least = Some((slot.in_flight, weight));
        }
    }
    let (fewest, of) = least?;
    round_robin::take(slots, |place, slot| {
        wanted.has(place, slot) && slot.in_flight * of == fewest * u64::from(slot.weight)
    })
}
