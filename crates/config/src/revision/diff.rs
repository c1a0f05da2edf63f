//! The fewest lines by which two texts differ.

use std::ops::Range;

/// Pairs of lines that are compared at most; texts that differ in more are one difference from the first to the last.
const MAX_PAIRS: usize = 1_000_000;

/// The ranges of `old` that became those of `new`, in order.
pub(super) fn differences<T: PartialEq>(old: &[T], new: &[T]) -> Vec<(Range<usize>, Range<usize>)> {
    let same = |(a, b): &(&T, &T)| a == b;
    let head = old.iter().zip(new).take_while(same).count();
    let (old_rest, new_rest) = (
        old.get(head..).unwrap_or_default(),
        new.get(head..).unwrap_or_default(),
    );
    let tail = old_rest
        .iter()
        .rev()
        .zip(new_rest.iter().rev())
        .take_while(same)
        .count();
    let old_mid = old_rest.get(..old_rest.len() - tail).unwrap_or_default();
    let new_mid = new_rest.get(..new_rest.len() - tail).unwrap_or_default();
    let whole = (head..head + old_mid.len(), head..head + new_mid.len());
    match (old_mid.len(), new_mid.len()) {
        (0, 0) => Vec::new(),
        (n, m) if n == 0 || m == 0 || n.saturating_mul(m) > MAX_PAIRS => vec![whole],
        _ => between_common(old_mid, new_mid)
            .into_iter()
            .map(|(gone, come)| (shifted(gone, head), shifted(come, head)))
            .collect(),
    }
}

fn shifted(range: Range<usize>, by: usize) -> Range<usize> {
    range.start + by..range.end + by
}

/// What lies between the lines of a longest common subsequence.
fn between_common<T: PartialEq>(old: &[T], new: &[T]) -> Vec<(Range<usize>, Range<usize>)> {
    let common = lengths(old, new);
    let length = |i: usize, j: usize| {
        let row = common.get(i * (new.len() + 1)..).unwrap_or_default();
        row.get(j).copied().unwrap_or_default()
    };
    let (mut i, mut j, mut from) = (0, 0, (0, 0));
    let mut found = Vec::new();
    while i < old.len() && j < new.len() {
        if old.get(i) == new.get(j) {
            if from != (i, j) {
                found.push((from.0..i, from.1..j));
            }
            (i, j) = (i + 1, j + 1);
            from = (i, j);
        } else if length(i + 1, j) >= length(i, j + 1) {
            i += 1;
        } else {
            j += 1;
        }
    }
    if from != (old.len(), new.len()) {
        found.push((from.0..old.len(), from.1..new.len()));
    }
    found
}

/// At `i * (new.len() + 1) + j`: the length of the longest common subsequence of `old[i..]` and `new[j..]`.
fn lengths<T: PartialEq>(old: &[T], new: &[T]) -> Vec<u32> {
    let width = new.len() + 1;
    let mut table: Vec<u32> = vec![0; width * (old.len() + 1)];
    for (i, line) in old.iter().enumerate().rev() {
        for (j, other) in new.iter().enumerate().rev() {
            let at = |i: usize, j: usize| table.get(i * width + j).copied().unwrap_or_default();
            let best = match line == other {
                true => at(i + 1, j + 1) + 1,
                false => at(i + 1, j).max(at(i, j + 1)),
            };
            if let Some(cell) = table.get_mut(i * width + j) {
                *cell = best;
            }
        }
    }
    table
}
