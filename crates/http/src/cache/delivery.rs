//! Writes an answer from the cache to a client, with the client's back-pressure.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use privet_connection_log::LiveConnection;

use super::multipart::PartsBody;
use super::stored_body::StoredBody;
use crate::body::{BodyError, BodySink, Transfer, TransferError};
use crate::exchange::downstream::ClientWatch;
use crate::exchange::{Deadline, Downstream, Outcome};
use crate::scanning::{ScanReport, Scanned, Scans};

/// The body of an answer.
pub enum AnswerBody {
    /// All of it, or one range.
    Whole(StoredBody),
    Parts(PartsBody),
}

impl AnswerBody {
    /// Whether the answer has no body, and none is announced.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::Whole(body) if body.is_none())
    }
}

/// An answer on its way. Its head is queued.
pub struct Delivery<'a, D> {
    pub client: &'a mut D,
    pub body: AnswerBody,
    /// Judges the body, where that was not done by what judges now.
    pub scans: &'a mut Scans,
    pub live: &'a LiveConnection,
    pub deadline: &'a mut Deadline,
    pub idle: Duration,
    pub keep_client: bool,
    /// The connection's end marks the answer's end.
    pub ends_by_close: bool,
    /// Bytes written so far.
    pub down: &'a mut u64,
    pub transfer: Transfer,
}

impl<D: Downstream> Delivery<'_, D> {
    pub async fn run(mut self) -> Outcome {
        self.live.request();
        self.deadline.set(self.idle);
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        let before = *self.down;
        let read_before = self.scans.read();
        let result = self.transfer(cx);
        let moved = *self.down - before;
        if moved > 0 {
            self.live.down(moved);
        }
        if let Poll::Ready(result) = result {
            return Poll::Ready(self.end(result));
        }
        if self.live.poll_cancelled(cx).is_ready() {
            return Poll::Ready(Outcome::Cancelled);
        }
        let gone = self.client.head_and_watch().1.poll_gone(cx);
        if let Poll::Ready(error) = gone {
            let text = format!("the client's connection broke: {error}");
            return Poll::Ready(self.broken(text));
        }
        let asks = self.scans.is_asking();
        if moved > 0 || asks || self.scans.read() != read_before {
            self.deadline.set(self.idle);
        }
        if asks {
            return Poll::Pending;
        }
        self.deadline.poll(cx).map(|()| Outcome::Idle)
    }

    fn transfer(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransferError>> {
        let mut sink = self.client.sink();
        let (transfer, down) = (&mut self.transfer, &mut *self.down);
        match &mut self.body {
            AnswerBody::Whole(source) if let Some(scan) = self.scans.down() => {
                transfer.poll(cx, &mut Scanned { source, scan }, &mut sink, down)
            }
            AnswerBody::Whole(body) => transfer.poll(cx, &mut { body }, &mut sink, down),
            AnswerBody::Parts(parts) => transfer.poll(cx, &mut { parts }, &mut sink, down),
        }
    }

    fn end(&mut self, result: Result<(), TransferError>) -> Outcome {
        match result {
            Ok(()) => Outcome::Done {
                keep_client: self.keep_client,
                keep_origin: false,
                pins_origin: false,
                uploaded: true,
            },
            Err(TransferError::Sink(error)) => {
                self.broken(format!("the client went away: {error}"))
            }
            Err(TransferError::Source(error)) => self.broken(error.to_string()),
            Err(TransferError::Body(BodyError::Refused)) => {
                let text = self
                    .scans
                    .report()
                    .map(ScanReport::text)
                    .unwrap_or_default();
                match self.client.sink().has_started() {
                    false => Outcome::Refused { text },
                    true => Outcome::Broken { reset: true, text },
                }
            }
            Err(TransferError::Body(bad)) => self.broken(format!("the server's answer: {bad}")),
        }
    }

    fn broken(&self, text: String) -> Outcome {
        Outcome::Broken {
            reset: self.ends_by_close,
            text,
        }
    }
}
