//! Which ranges of a body are forwarded, and the progress.

use super::range::{Section, SelectedRange};

pub struct Progress {
    /// `None`: the whole body is forwarded.
    part: Option<SelectedRange>,
    /// The section that is being forwarded.
    section: usize,
    /// The text before that section was forwarded.
    text_sent: bool,
    /// The offset of the next byte in the whole body.
    at: u64,
    piece: Piece,
    begun: bool,
}

/// What is forwarded in one piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// The text before a section (a part's head).
    Text,
    /// This number of bytes of the body.
    Bytes(usize),
}

/// What may be forwarded next.
#[derive(Debug, PartialEq, Eq)]
pub enum Due<'a> {
    Text(&'a [u8]),
    /// This number of bytes of the body; 0: nothing.
    Bytes(u64),
}

impl Progress {
    pub fn of_whole() -> Self {
        Self {
            part: None,
            section: 0,
            text_sent: false,
            at: 0,
            piece: Piece::Bytes(0),
            begun: false,
        }
    }

    pub fn of(part: SelectedRange) -> Self {
        let first = part.sections().first();
        Self {
            at: first.map_or(0, |section| section.first),
            part: Some(part),
            ..Self::of_whole()
        }
    }

    pub fn part(&self) -> Option<&SelectedRange> {
        self.part.as_ref()
    }

    /// The offset of the next byte in the whole body.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Whether anything was forwarded.
    pub fn has_begun(&self) -> bool {
        self.begun
    }

    fn section<'p>(&self, part: &'p SelectedRange) -> Option<&'p Section> {
        part.sections().get(self.section)
    }

    /// What may be forwarded next, where `allowed` bytes of the body may.
    pub fn due(&self, allowed: u64) -> Due<'_> {
        let Some(part) = &self.part else {
            return Due::Bytes(allowed.saturating_sub(self.at));
        };
        match self.section(part) {
            None => Due::Bytes(0),
            Some(section) if !self.text_sent && !section.text.is_empty() => {
                match section.text_is_due(allowed) {
                    true => Due::Text(&section.text),
                    false => Due::Bytes(0),
                }
            }
            Some(section) => Due::Bytes(section.end.min(allowed).saturating_sub(self.at)),
        }
    }

    pub fn piece(&self) -> Piece {
        self.piece
    }

    pub fn set_piece(&mut self, piece: Piece) {
        self.piece = piece;
    }

    /// Whether nothing follows the current piece. `len`: bytes of the whole.
    pub fn is_last_piece(&self, len: u64) -> bool {
        let end = match self.piece {
            Piece::Text => self.at,
            Piece::Bytes(bytes) => self.at + bytes as u64,
        };
        let Some(part) = &self.part else {
            return end >= len;
        };
        let is_last = self.section + 1 >= part.sections().len();
        is_last && self.section(part).is_none_or(|section| end >= section.end)
    }

    /// The current piece was forwarded.
    pub fn consume(&mut self) {
        match std::mem::replace(&mut self.piece, Piece::Bytes(0)) {
            Piece::Text => (self.text_sent, self.begun) = (true, true),
            Piece::Bytes(bytes) => {
                self.at += bytes as u64;
                self.begun |= bytes > 0;
            }
        }
        let Some(part) = &self.part else {
            return;
        };
        let ended = |section: &Section| {
            self.at >= section.end && (self.text_sent || section.text.is_empty())
        };
        if self.section(part).is_some_and(ended) {
            self.section += 1;
            self.text_sent = false;
            if let Some(next) = part.sections().get(self.section) {
                self.at = next.first;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use privet_cache::rules::multipart::Multipart;
    use privet_cache::rules::range::ByteRange;

    use super::*;

    const WHOLE: &[u8] = b"0123456789";

    fn part() -> SelectedRange {
        let ranges = [(1, 2), (5, 6), (9, 9)].map(|(first, last)| ByteRange { first, last });
        SelectedRange::of(&ranges, 10, Some(&Multipart::new(7, None, 10))).unwrap()
    }

    /// What is forwarded in pieces of at most three bytes.
    fn go_on(progress: &mut Progress, allowed: u64, out: &mut Vec<u8>) {
        loop {
            match progress.due(allowed) {
                Due::Bytes(0) => return,
                Due::Text(text) => {
                    out.extend_from_slice(text);
                    progress.set_piece(Piece::Text);
                }
                Due::Bytes(left) => {
                    let (at, len) = (progress.at() as usize, left.min(3) as usize);
                    out.extend_from_slice(&WHOLE[at..at + len]);
                    progress.set_piece(Piece::Bytes(len));
                }
            }
            progress.consume();
        }
    }

    #[test]
    fn parts_out_of_a_store_and_behind_it_are_those_of_the_whole() {
        let mut whole = Vec::new();
        part().cut(0, WHOLE, &mut whole);
        for stored in 0..=10 {
            let mut progress = Progress::of(part());
            let mut out = Vec::new();
            go_on(&mut progress, stored, &mut out);
            assert_eq!(progress.has_begun(), stored > 1);
            let rest = &WHOLE[stored as usize..];
            part().cut(stored, rest, &mut out);
            assert!(out == whole, "{stored}");
        }
    }

    #[test]
    fn the_text_behind_the_last_part_is_the_last_piece() {
        let mut progress = Progress::of(part());
        let mut last = Vec::new();
        loop {
            let piece = match progress.due(10) {
                Due::Bytes(0) => break,
                Due::Text(_) => Piece::Text,
                Due::Bytes(left) => Piece::Bytes(left as usize),
            };
            progress.set_piece(piece);
            last.push(progress.is_last_piece(10));
            progress.consume();
        }
        assert_eq!(last, [false, false, false, false, false, false, true]);
        assert!(progress.is_last_piece(10));
    }
}
