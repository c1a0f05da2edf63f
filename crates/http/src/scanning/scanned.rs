//! The stage of a scan: a body around another one, whose pieces come when they may go on.

use std::task::{Context, Poll, ready};

use super::body_scan::BodyScan;
use crate::body::{BodyError, BodySource, SourceError};

/// A body behind its scan.
pub(crate) struct Scanned<'a, S> {
    pub source: S,
    pub scan: &'a mut BodyScan,
}

impl<S: BodySource> BodySource for Scanned<'_, S> {
    fn next_piece(&mut self) -> Result<bool, BodyError> {
        if self.scan.is_refused() {
            return Err(BodyError::Refused);
        }
        if self.scan.is_passing() {
            return self.source.next_piece();
        }
        Ok(self.scan.next_piece())
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        if self.scan.is_passing() {
            return self.source.poll_read(cx);
        }
        while self.scan.is_collecting() && !self.scan.has_free() {
            if !self.source.next_piece().map_err(SourceError::Body)? {
                ready!(self.source.poll_read(cx))?;
                continue;
            }
            let last = self.source.is_done();
            self.scan.take(self.source.piece(), last);
            self.source.consume();
        }
        self.scan.poll_verdict(cx).map(Ok)
    }

    fn piece(&self) -> &[u8] {
        match self.scan.is_passing() {
            true => self.source.piece(),
            false => self.scan.piece(),
        }
    }

    fn consume(&mut self) {
        match self.scan.is_passing() {
            true => self.source.consume(),
            false => self.scan.consume(),
        }
    }

    fn is_done(&self) -> bool {
        match self.scan.is_passing() {
            true => self.source.is_done(),
            false => self.scan.is_last_piece(),
        }
    }

    fn trailers(&self) -> &[u8] {
        self.source.trailers()
    }

    fn holds_head(&self) -> bool {
        self.scan.holds_head()
    }
}
