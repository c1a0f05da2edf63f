//! A body source around another one: its pieces come when the scan lets them be forwarded.

use std::task::{Context, Poll, ready};

use super::body_scan::BodyScan;
use crate::body::{BodyError, BodySource, SourceError};

/// A body behind its scan.
pub(crate) struct Scanned<'a, S> {
    pub source: S,
    pub scan: &'a mut BodyScan,
}

impl<S: BodySource> Scanned<'_, S> {
    /// Takes the source's next piece. `false`: nothing has arrived.
    fn take(&mut self) -> Result<bool, SourceError> {
        if !self.source.next_piece().map_err(SourceError::Body)? {
            return Ok(false);
        }
        let last = self.source.is_done();
        self.scan.take(self.source.piece(), last);
        self.source.consume();
        Ok(true)
    }

    /// Scans what has arrived as soon as nothing more is there, so that an event does not wait for the next one.
    fn poll_stream(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        loop {
            let Some(stream) = self.scan.stream() else {
                return Poll::Ready(Ok(()));
            };
            if stream.has_piece() {
                return Poll::Ready(Ok(()));
            }
            if stream.is_asking() {
                ready!(self.scan.poll_verdict(cx));
                continue;
            }
            let (ended, full) = (stream.has_ended(), stream.is_full());
            if (ended || full) && self.scan.ask_window() {
                continue;
            }
            if ended || self.take()? {
                continue;
            }
            match self.source.poll_read(cx) {
                Poll::Ready(read) => read?,
                Poll::Pending if self.scan.ask_window() => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl<S: BodySource> BodySource for Scanned<'_, S> {
    fn next_piece(&mut self) -> Result<bool, BodyError> {
        if self.scan.is_refused() {
            return Err(BodyError::Refused);
        }
        if self.scan.is_passing() {
            let has_piece = self.source.next_piece()?;
            if has_piece {
                self.scan.pass_piece(self.source.piece());
            }
            return Ok(has_piece);
        }
        Ok(self.scan.next_piece())
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        if self.scan.is_passing() {
            return self.source.poll_read(cx);
        }
        if self.scan.stream().is_some() {
            return self.poll_stream(cx);
        }
        loop {
            ready!(self.scan.poll_store(cx));
            if !self.scan.is_collecting() || self.scan.has_free() {
                break;
            }
            if !self.take()? {
                ready!(self.source.poll_read(cx))?;
            }
        }
        ready!(self.scan.poll_verdict(cx));
        self.scan.poll_load(cx).map_err(SourceError::Read)
    }

    fn piece(&self) -> &[u8] {
        match self.scan.is_passing() {
            true => self.scan.passed(self.source.piece()),
            false => self.scan.piece(),
        }
    }

    fn consume(&mut self) {
        match self.scan.is_passing() {
            true => {
                self.scan.count(self.source.piece().len());
                self.source.consume();
            }
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
        match self.scan.part() {
            Some(_) => &[],
            None => self.source.trailers(),
        }
    }

    fn holds_head(&self) -> bool {
        self.scan.holds_head()
    }
}
