//! A line of a list that matches, and which of several decides.

/// A line of a list that matches the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ListHit {
    /// From 1, in the source of the list.
    pub line: u32,
    /// The line is an exception: the list lets the target pass.
    pub allow: bool,
    /// The line has `$important`.
    pub important: bool,
    /// How many labels the line's domain is above the target; 0: the line names the target itself or matches its URL.
    pub above: usize,
}

impl ListHit {
    /// `$important` wins over an exception, an exception over a block.
    pub(crate) fn rank(self) -> u8 {
        match (self.important, self.allow) {
            (false, false) => 1,
            (false, true) => 2,
            (true, false) => 3,
            (true, true) => 4,
        }
    }
}

/// The one with the higher rank; the first of equals.
pub(crate) fn stronger(a: Option<ListHit>, b: Option<ListHit>) -> Option<ListHit> {
    match (a, b) {
        (Some(a), Some(b)) if b.rank() > a.rank() => Some(b),
        (Some(a), _) => Some(a),
        (None, b) => b,
    }
}
