//! Finds the end of a head and refuses what a lenient reader would let pass: lines that end in a bare LF, more than one
//! empty line in front, lines and heads beyond their bounds. Remembers how far it looked, so that a head that comes
//! byte by byte is looked at once.

use memchr::memchr;

/// The longest request or status line, in bytes without its end (RFC 9112 §3 asks for at least 8000).
pub const MAX_START_LINE: usize = 16 * 1024;
/// The longest head, in bytes.
pub const MAX_HEAD: usize = 64 * 1024 - 1;

/// How far a head was looked at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scan {
    /// Bytes that were looked at.
    seen: usize,
    /// Where the line that is not ended yet starts.
    line: usize,
    /// Empty lines skipped in front: none or one (RFC 9112 §2.2), in bytes.
    skip: usize,
    started: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanError {
    BareLf,
    EmptyLines,
    StartLineTooLong,
    HeadTooLong,
}

/// A head's place in the buffer: it starts after `skip` bytes and ends before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadRange {
    pub skip: usize,
    pub end: usize,
}

impl Scan {
    /// Looks at what came since the last call. `None`: the head is not whole yet.
    pub fn advance(&mut self, buffer: &[u8]) -> Result<Option<HeadRange>, ScanError> {
        let bounded = buffer.get(..MAX_HEAD.min(buffer.len())).unwrap_or_default();
        while let Some(at) = memchr(b'\n', bounded.get(self.seen..).unwrap_or_default()) {
            let lf = self.seen + at;
            self.seen = lf + 1;
            if lf == 0 || bounded.get(lf - 1) != Some(&b'\r') || lf - 1 < self.line {
                return Err(ScanError::BareLf);
            }
            let length = lf - 1 - self.line;
            self.line = lf + 1;
            match (length, self.started) {
                (0, true) => {
                    return Ok(Some(HeadRange {
                        skip: self.skip,
                        end: lf + 1,
                    }));
                }
                (0, false) if self.skip == 0 => self.skip = lf + 1,
                (0, false) => return Err(ScanError::EmptyLines),
                (_, false) if length > MAX_START_LINE => return Err(ScanError::StartLineTooLong),
                _ => self.started = true,
            }
        }
        self.seen = bounded.len();
        if !self.started && bounded.len() - self.line > MAX_START_LINE + 1 {
            return Err(ScanError::StartLineTooLong);
        }
        if buffer.len() >= MAX_HEAD {
            return Err(ScanError::HeadTooLong);
        }
        Ok(None)
    }
}
