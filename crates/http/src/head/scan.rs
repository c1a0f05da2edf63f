//! Finds the end of a head and rejects what lenient readers accept: lines that end in a bare LF, more than one empty
//! line in front, too long lines and heads. It remembers its position, so that a head that arrives byte by byte is
//! scanned once.

use memchr::memchr;

/// The longest request or status line, in bytes without its end (RFC 9112 §3 asks for at least 8000).
pub const MAX_START_LINE: usize = 16 * 1024;
/// The longest head, in bytes.
pub const MAX_HEAD: usize = 64 * 1024 - 1;

/// The position in a head.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scan {
    /// Bytes that were scanned.
    seen: usize,
    /// Where the current line starts.
    line: usize,
    /// Length of the empty line in front, if there is one (RFC 9112 §2.2).
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

/// The position of a head in the buffer: after `skip` bytes and before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadRange {
    pub skip: usize,
    pub end: usize,
}

impl Scan {
    /// Scans what arrived since the last call. `None`: the head is not complete yet.
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
