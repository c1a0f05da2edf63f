//! The lines by which two texts differ.

use std::hash::Hash;
use std::ops::Range;
use std::time::{Duration, Instant};

use similar::{Algorithm, DiffTag, capture_diff_slices_deadline};

/// After this the rest is taken as one difference: right, but not the shortest.
const MAX_TIME: Duration = Duration::from_millis(500);

/// The ranges of `old` that became those of `new`, in order.
pub(super) fn differences<T: Eq + Hash>(old: &[T], new: &[T]) -> Vec<(Range<usize>, Range<usize>)> {
    let deadline = Instant::now() + MAX_TIME;
    capture_diff_slices_deadline(Algorithm::Myers, old, new, Some(deadline))
        .into_iter()
        .filter(|op| op.tag() != DiffTag::Equal)
        .map(|op| (op.old_range(), op.new_range()))
        .collect()
}
