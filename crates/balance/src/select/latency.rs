//! The lowest latency, with hysteresis.

use std::time::Duration;

use super::slot::Slot;

/// Another member takes over only when it is faster by a fifth and by at least this much.
const BETTER_BY: Duration = Duration::from_millis(5);
const BETTER_FACTOR: f64 = 0.8;

pub(crate) fn choose<'a>(
    candidates: impl Iterator<Item = (usize, &'a Slot)>,
    preferred: Option<usize>,
) -> Option<usize> {
    let mut best: Option<(usize, Option<Duration>)> = None;
    let mut kept = None;
    for (place, slot) in candidates {
        let latency = slot.load.latency();
        if preferred == Some(place) {
            kept = latency;
        }
        // Without a measurement: first.
        if best.is_none_or(|(_, least)| latency < least) {
            best = Some((place, latency));
        }
    }
    let (best, least) = best?;
    let (Some(preferred), Some(old), Some(new)) = (preferred, kept, least) else {
        return Some(best);
    };
    let clearly = new < old.mul_f64(BETTER_FACTOR) && new + BETTER_BY < old;
    Some(if clearly { best } else { preferred })
}
