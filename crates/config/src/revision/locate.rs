//! Finds a change again in a text that may have changed elsewhere.

use super::hunk::Hunk;
use super::line::Line;

/// The unchanged context of a position: the number of unchanged lines directly above and below.
struct Context {
    above: usize,
    below: usize,
}

/// The line at which the hunk's new lines are, at `from` or after it; of those that fit best, the nearest to `expected`.
/// `None` where they are nowhere, or where nothing around them is as it was.
pub(super) fn find(hunk: &Hunk, now: &[Line], from: usize, expected: usize) -> Option<usize> {
    let last = now.len().checked_sub(hunk.new.len())?;
    (from..=last)
        .filter(|at| now.get(*at..at + hunk.new.len()) == Some(&hunk.new[..]))
        .filter_map(|at| {
            let context = Context::at(hunk, now, at);
            let nearness = usize::MAX - at.abs_diff(expected);
            context
                .is_enough(hunk)
                .then_some((context.above + context.below, nearness, at))
        })
        .max()
        .map(|(_, _, at)| at)
}

impl Context {
    fn at(hunk: &Hunk, now: &[Line], at: usize) -> Self {
        let (before, behind) = (now.get(..at), now.get(at + hunk.new.len()..));
        let same = |(a, b): &(&Line, &Line)| a == b;
        let above = before.unwrap_or_default().iter().rev();
        let below = behind.unwrap_or_default().iter();
        Self {
            above: above.zip(hunk.above.iter().rev()).take_while(same).count(),
            below: below.zip(&hunk.below).take_while(same).count(),
        }
    }

    /// One side is unchanged as a whole, or the next line on both sides is. A side without lines (the beginning or end of the
    /// text) or with blank lines only is no evidence by itself.
    fn is_enough(&self, hunk: &Hunk) -> bool {
        let whole =
            |fits: usize, side: &[Line]| fits == side.len() && !side.iter().all(Line::is_blank);
        let bare = hunk.above.is_empty() && hunk.below.is_empty();
        let both =
            (self.above > 0 || hunk.above.is_empty()) && (self.below > 0 || hunk.below.is_empty());
        bare || both || whole(self.above, &hunk.above) || whole(self.below, &hunk.below)
    }
}
