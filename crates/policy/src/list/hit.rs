//! A line of a list that matches, and which of several decides.

/// A line of a list that matches the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ListHit {
    /// From 1, in the source of the list.
    pub line: u32,
    /// The line is an exception: the list lets the target pass.
    pub allow: bool,
    /// How many labels the line's domain is above the target; 0: the line names the target itself or matches its URL.
    pub above: usize,
}

/// A hit with its rank among others.
#[derive(Debug, Clone, Copy)]
pub(super) struct RankedHit {
    pub hit: ListHit,
    /// The line has `$important`.
    pub important: bool,
}

impl RankedHit {
    /// `$important` wins over an exception, an exception over a block.
    fn rank(self) -> u8 {
        match (self.important, self.hit.allow) {
            (false, false) => 1,
            (false, true) => 2,
            (true, false) => 3,
            (true, true) => 4,
        }
    }
}

/// The one with the higher rank; the first of equals.
pub(super) fn stronger(a: Option<RankedHit>, b: Option<RankedHit>) -> Option<RankedHit> {
    match (a, b) {
        (Some(a), Some(b)) if b.rank() > a.rank() => Some(b),
        (Some(a), _) => Some(a),
        (None, b) => b,
    }
}
