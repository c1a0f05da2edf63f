//! Changes of the file's text that can be reverted later: exactly, with comments, and only where the text is still as the
//! change left it.

mod diff;
mod hunk;
mod line;
mod locate;

use serde::{Deserialize, Serialize};

use diff::differences;
use hunk::Hunk;
use line::{Line, contents, lines};

/// Lines above and below a change that are stored to find it again.
const CONTEXT: usize = 3;
/// A change with more bytes than this in all its lines is not stored: it cannot be reverted.
pub const MAX_REVISION: usize = 64 * 1024;

/// The changes by which one text became another. As JSON it contains no secret: a line that had one is redacted, and its text
/// is known only while this value lives.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    hunks: Vec<Hunk>,
}

/// The lines of a text in which changes are located.
pub struct FileLines(Vec<Line>);

impl FileLines {
    pub fn of(text: &str) -> Self {
        Self(lines(text))
    }
}

/// Why a change cannot be reverted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RevertError {
    #[error("the file was changed there since")]
    Changed,
    #[error("it took a password out of the file, and passwords are not kept: enter it again")]
    Secret,
}

impl Revision {
    /// `None` where the change is larger than [`MAX_REVISION`].
    pub fn between(before: &str, after: &str) -> Option<Self> {
        let (old, new) = (lines(before), lines(after));
        let hunks: Vec<Hunk> = differences(&contents(&old), &contents(&new))
            .into_iter()
            .map(|(gone, come)| Hunk {
                at: come.start,
                above: part(&new, come.start.saturating_sub(CONTEXT), come.start),
                old: part(&old, gone.start, gone.end),
                new: part(&new, come.start, come.end),
                below: part(&new, come.end, come.end + CONTEXT),
            })
            .collect();
        let bytes: usize = hunks.iter().map(Hunk::bytes).sum();
        (bytes <= MAX_REVISION).then_some(Self { hunks })
    }

    /// Nothing changed.
    pub fn is_empty(&self) -> bool {
        self.hunks.is_empty()
    }

    /// `text` with the change reverted. `later` are the known changes made since, in order: they show where its lines moved.
    ///
    /// # Errors
    /// [`RevertError`]; a change is reverted whole or not at all.
    pub fn revert(&self, text: &FileLines, later: &[&Revision]) -> Result<String, RevertError> {
        let places = self.places(text, later)?;
        let mut now = text.0.clone();
        for (at, hunk) in places.into_iter().zip(&self.hunks).rev() {
            now.splice(at..at + hunk.new.len(), hunk.old.iter().cloned());
        }
        Ok(line::joined(&now))
    }

    /// Whether [`Revision::revert`] would do it.
    ///
    /// # Errors
    /// The error that it would give.
    pub fn can_revert(&self, text: &FileLines, later: &[&Revision]) -> Result<(), RevertError> {
        self.places(text, later).map(|_| ())
    }

    /// The current position of each hunk's new lines.
    fn places(&self, text: &FileLines, later: &[&Revision]) -> Result<Vec<usize>, RevertError> {
        let mut from = 0;
        let mut places = Vec::new();
        for hunk in &self.hunks {
            let expected = later.iter().fold(hunk.at, |at, change| change.moved(at));
            let at = locate::find(hunk, &text.0, from, expected).ok_or(RevertError::Changed)?;
            from = at + hunk.new.len();
            places.push(at);
        }
        match self
            .hunks
            .iter()
            .flat_map(|hunk| &hunk.old)
            .all(Line::is_known)
        {
            true => Ok(places),
            false => Err(RevertError::Secret),
        }
    }

    /// The indices of those later changes that touched the same lines.
    pub fn touched_by(&self, later: &[&Revision]) -> Vec<usize> {
        let mut places: Vec<(usize, usize)> = self
            .hunks
            .iter()
            .map(|hunk| (hunk.at, hunk.at + hunk.new.len()))
            .collect();
        let mut found = Vec::new();
        for (number, change) in later.iter().enumerate() {
            let meets = |(start, end): &(usize, usize)| {
                change.hunks.iter().any(|hunk| {
                    let first = change.first_line_before(hunk);
                    first <= *end && *start <= first + hunk.old.len()
                })
            };
            if places.iter().any(meets) {
                found.push(number);
            }
            for (start, end) in &mut places {
                (*start, *end) = (change.moved(*start), change.moved(*end));
            }
        }
        found
    }

    /// The position after the change of line `at` before it.
    fn moved(&self, at: usize) -> usize {
        let above = |hunk: &&Hunk| self.first_line_before(hunk) + hunk.old.len() <= at;
        let shift = self.hunks.iter().take_while(above);
        let (mut line, mut gone) = (at, 0);
        for hunk in shift {
            line += hunk.new.len();
            gone += hunk.old.len();
        }
        line.saturating_sub(gone)
    }

    /// The first line of a hunk in the text before the change.
    fn first_line_before(&self, hunk: &Hunk) -> usize {
        let earlier = self.hunks.iter().take_while(|other| other.at < hunk.at);
        let (mut line, mut come) = (hunk.at, 0);
        for hunk in earlier {
            line += hunk.old.len();
            come += hunk.new.len();
        }
        line.saturating_sub(come)
    }
}

fn part(lines: &[Line], from: usize, to: usize) -> Vec<Line> {
    let to = to.min(lines.len());
    lines.get(from..to).unwrap_or_default().to_vec()
}

#[cfg(test)]
mod tests;
