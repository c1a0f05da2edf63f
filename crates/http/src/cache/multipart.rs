//! Several ranges of a stored body as one (`multipart/byteranges`, RFC 9110 §14.6).

use std::collections::VecDeque;
use std::task::{Context, Poll};

use privet_cache::Entry;
use privet_cache::rules::multipart::Multipart;
use privet_cache::rules::range::ByteRange;

use super::stored_body::StoredBody;
use crate::body::{BodyError, BodySource, SourceError};

/// One part: what stands before its bytes, and which bytes these are.
struct Part {
    head: Vec<u8>,
    range: ByteRange,
}

/// The body that holds the parts.
pub struct PartsBody {
    entry: Entry,
    parts: VecDeque<Part>,
    end: Vec<u8>,
    text: Vec<u8>,
    part: Option<StoredBody>,
    /// The text is the last one.
    closing: bool,
    done: bool,
}

impl PartsBody {
    pub fn new(entry: Entry, ranges: &[ByteRange], multipart: &Multipart<'_>) -> Self {
        let part = |range: &ByteRange| {
            let mut head = Vec::with_capacity(128);
            multipart.write_part_head(&mut head, *range);
            Part {
                head,
                range: *range,
            }
        };
        let mut end = Vec::new();
        multipart.write_end(&mut end);
        let mut body = Self {
            entry,
            parts: ranges.iter().map(part).collect(),
            end,
            text: Vec::new(),
            part: None,
            closing: false,
            done: false,
        };
        body.begin_part();
        body
    }

    /// Goes on with the next part, or with the end. Its reader is there before that of the part before goes: a body that is
    /// not stored keeps nothing that nobody reads.
    fn begin_part(&mut self) {
        match self.parts.pop_front() {
            Some(part) => {
                let len = part.range.len();
                let reader = self.entry.range_reader(part.range.first, len);
                self.text = part.head;
                self.part = Some(StoredBody::new(reader, Some(len)));
            }
            None => {
                self.part = None;
                self.text = std::mem::take(&mut self.end);
                self.closing = true;
            }
        }
    }
}

impl BodySource for &mut PartsBody {
    fn next_piece(&mut self) -> Result<bool, BodyError> {
        loop {
            if self.done || !self.text.is_empty() {
                return Ok(true);
            }
            if let Some(mut part) = self.part.as_mut() {
                if !part.next_piece()? {
                    return Ok(false);
                }
                if !part.piece().is_empty() {
                    return Ok(true);
                }
            }
            self.begin_part();
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        match self.part.as_mut() {
            Some(mut part) => part.poll_read(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    fn piece(&self) -> &[u8] {
        match &self.part {
            Some(part) if self.text.is_empty() => part.current(),
            _ => &self.text,
        }
    }

    fn consume(&mut self) {
        if !self.text.is_empty() {
            self.text = Vec::new();
            self.done = self.closing;
        } else if let Some(mut part) = self.part.as_mut() {
            part.consume();
        }
    }

    fn is_done(&self) -> bool {
        self.closing
    }

    fn trailers(&self) -> &[u8] {
        &[]
    }
}
