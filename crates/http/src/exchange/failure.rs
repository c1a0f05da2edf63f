//! How an exchange ends where one side, or a scan, does not let it go on.

use std::io;

use super::downstream::Downstream;
use super::exchange::Exchange;
use super::outcome::{NO_RESPONSE, Outcome, TIMED_OUT, bad_gateway};
use super::state::ResponsePhase;
use super::upstream::Upstream;
use super::wait::WaitingFor;
use crate::body::{BodyError, BodySink, TransferError};
use crate::h2::error::unprocessed_of;
use crate::head::BadRequest;
use crate::scanning::ScanReport;

impl<D: Downstream, U: Upstream> Exchange<'_, D, U> {
    /// The origin closed, failed, or sent data before the whole head of its response.
    pub(super) fn origin_failed(&mut self, result: io::Result<usize>) -> Outcome {
        let refused = result.as_ref().err().and_then(unprocessed_of).is_some();
        let may_repeat = (self.traits.may_repeat || refused) && !self.state.got_bytes;
        if may_repeat && self.kept.is_whole(&self.client.source()) {
            return Outcome::Repeat;
        }
        let text = match result {
            Ok(0) if self.state.got_bytes => {
                "the server closed the connection within its answer".into()
            }
            Ok(0) => "the server closed the connection without an answer".into(),
            Ok(_) => "the server sent an answer before it was asked".into(),
            Err(error) => format!("the connection to the server broke: {error}"),
        };
        bad_gateway(502, NO_RESPONSE, text)
    }

    /// A scan stopped a body. What the client has of an answer must not look whole.
    pub(super) fn refused(&mut self) -> Outcome {
        let report = self.scans.report();
        let text = report.map(ScanReport::text).unwrap_or_default();
        let nothing_sent = match self.state.phase {
            // Interim responses may have been sent: the page can follow them.
            ResponsePhase::Head => true,
            ResponsePhase::Interim | ResponsePhase::Body => !self.client.sink().has_started(),
            ResponsePhase::Switching => false,
        };
        match nothing_sent {
            true => Outcome::Refused { text },
            false => Outcome::Broken { reset: true, text },
        }
    }

    pub(super) fn down_failed(&mut self, error: TransferError) -> Outcome {
        if matches!(error, TransferError::Body(BodyError::Refused)) {
            return self.refused();
        }
        // The malformed body came together with the head, which was not sent on.
        if let TransferError::Body(bad) = &error
            && self.state.phase == ResponsePhase::Body
            && !self.client.sink().has_started()
        {
            return bad_gateway(502, "malformed response body", bad.to_string());
        }
        self.broken(match error {
            TransferError::Source(error) => format!("the connection to the server broke: {error}"),
            TransferError::Body(bad) => format!("the server's answer: {bad}"),
            TransferError::Sink(error) => format!("the client went away: {error}"),
        })
    }

    pub(super) fn broken(&self, text: String) -> Outcome {
        Outcome::Broken {
            reset: self.state.ends_by_close,
            text,
        }
    }

    pub(super) fn timed_out(&self) -> Outcome {
        let text = match self.wait.waiting_for() {
            WaitingFor::RequestBody => return Outcome::BadRequest(BadRequest::BodyTimeout),
            WaitingFor::Response => return Outcome::Idle,
            WaitingFor::Origin if self.state.request.is_done() => {
                "the server did not begin its answer in time"
            }
            WaitingFor::Origin => "the server took no more of the request in time",
        };
        bad_gateway(504, TIMED_OUT, text.into())
    }
}
