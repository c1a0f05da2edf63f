//! Where a rule is written.

use std::fmt;

/// Where a rule is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RulePosition {
    /// A rule that is in no file, by its number.
    Temporary(u32),
    /// Its position among the file's rules, and the line on which it begins, both from 1.
    File { number: usize, line: usize },
}

/// As sentences name the rule.
impl fmt::Display for RulePosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Temporary(number) => write!(f, "temporary rule {number}"),
            Self::File { number, line } => write!(f, "rule {number} (line {line})"),
        }
    }
}

impl RulePosition {
    /// The line of the file, from 1; `None` for a temporary rule.
    pub fn line(self) -> Option<usize> {
        match self {
            Self::Temporary(_) => None,
            Self::File { line, .. } => Some(line),
        }
    }

    /// The position in the file, from 1; `None` for a temporary rule.
    pub fn number(self) -> Option<usize> {
        match self {
            Self::Temporary(_) => None,
            Self::File { number, .. } => Some(number),
        }
    }
}
