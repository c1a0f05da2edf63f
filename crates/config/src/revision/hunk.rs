//! One changed place of a text.

use serde::{Deserialize, Serialize};

use super::line::Line;

/// One changed place, with lines around it to find it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hunk {
    /// Its first line in the new text, from 0.
    pub at: usize,
    pub above: Vec<Line>,
    pub old: Vec<Line>,
    pub new: Vec<Line>,
    pub below: Vec<Line>,
}

impl Hunk {
    /// Bytes of all lines.
    pub fn bytes(&self) -> usize {
        let all = [&self.above, &self.old, &self.new, &self.below];
        all.into_iter().flatten().map(Line::bytes).sum()
    }
}
