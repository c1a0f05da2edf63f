//! One request and its response between a client and one upstream connection. Both directions run at once: a response
//! may arrive while the body is still being sent, and a 100 has to.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

use privet_connection_log::LiveConnection;
use privet_net::Stream;
use privet_net::reset_watch::ResetWatch;
use tokio::time::Instant;

use super::deadline::Deadline;
use super::origin::OriginConnection;
use super::outcome::{Outcome, RequestTraits, bad_gateway};
use super::scratch::Scratch;
use super::wait::{Wait, WaitingFor};
use crate::body::pump::{OutputFraming, PumpError};
use crate::body::{BodyError, Buffer};
use crate::head::{BadRequest, BodyLength};
use crate::headers::connection_auth;
use crate::headers::response::{self, ResponseRewrite};

/// The most interim responses (1xx) to one request.
const MAX_INTERIM: u8 = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ResponsePhase {
    Head,
    Interim,
    Body,
    Switching,
}

pub struct Exchange<'a> {
    pub client: &'a mut Stream,
    pub inbound: &'a mut Option<Buffer>,
    pub scratch: &'a mut Scratch,
    pub origin: &'a mut OriginConnection,
    pub live: &'a LiveConnection,
    pub deadline: &'a mut Deadline,
    pub wait: Wait,
    pub traits: RequestTraits,
    /// When the connection was recorded, if this is its first request.
    pub opened: Option<Instant>,
    pub reset_watch: ResetWatch,
    pub state: ExchangeState,
}

/// How far the exchange has come.
pub struct ExchangeState {
    phase: ResponsePhase,
    interims: u8,
    /// Bytes moved so far.
    up: u64,
    down: u64,
    /// The origin takes no more of the request's body.
    up_failed: bool,
    got_bytes: bool,
    /// The client may wait for a 100 before it sends the body.
    awaits_continue: bool,
    keep_client: bool,
    keep_origin: bool,
    /// The connection's end marks the response's end.
    ends_by_close: bool,
}

impl ExchangeState {
    pub(super) fn new(traits: RequestTraits) -> Self {
        Self {
            phase: ResponsePhase::Head,
            interims: 0,
            up: 0,
            down: 0,
            up_failed: false,
            got_bytes: false,
            awaits_continue: traits.expects_continue,
            keep_client: traits.keep_alive,
            keep_origin: false,
            ends_by_close: false,
        }
    }
}

impl Exchange<'_> {
    /// Runs the exchange. The request's head is in `scratch.up` already.
    pub async fn run(mut self) -> Outcome {
        self.live.request();
        self.origin.pinned |= self.traits.authenticates_connection;
        self.deadline.set(self.wait.limit());
        poll_fn(|cx| self.poll(cx)).await
    }

    fn waiting_for(&self) -> WaitingFor {
        let sends_body = self.scratch.up.waits_for_source()
            && !self.state.up_failed
            && !self.state.awaits_continue;
        match self.state.phase {
            ResponsePhase::Head if sends_body => WaitingFor::RequestBody,
            ResponsePhase::Head => WaitingFor::Origin,
            _ => WaitingFor::Response,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        let (up_before, down_before) = (self.state.up, self.state.down);
        let mut result = self.poll_up(cx);
        if result.is_pending() {
            result = self.poll_down(cx);
        }
        let (up, down) = (self.state.up - up_before, self.state.down - down_before);
        if up > 0 {
            self.live.up(up);
        }
        if down > 0 {
            self.live.down(down);
        }
        if result.is_ready() {
            return result;
        }
        if self.live.poll_cancelled(cx).is_ready() {
            return Poll::Ready(Outcome::Cancelled);
        }
        if let Poll::Ready(error) = self.reset_watch.poll(cx, self.client) {
            return Poll::Ready(self.broken(format!("the client's connection broke: {error}")));
        }
        if up + down > 0 {
            // The first bytes are the head.
            self.state.awaits_continue &= up_before == 0 || up == 0;
            if self.wait.moved(up, self.waiting_for()) {
                self.deadline.set(self.wait.limit());
            }
        }
        if self.deadline.poll(cx).is_ready() {
            return Poll::Ready(self.timed_out());
        }
        Poll::Pending
    }

    /// Moves the request. Ready only when the exchange cannot go on.
    fn poll_up(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        if self.state.up_failed || self.scratch.up.is_done() {
            return Poll::Pending;
        }
        let moved = &mut self.state.up;
        let stream = &mut self.origin.connected.stream;
        let result = self
            .scratch
            .up
            .poll(cx, self.client, self.inbound, stream, moved);
        let error = match result {
            Poll::Pending | Poll::Ready(Ok(())) => return Poll::Pending,
            Poll::Ready(Err(error)) => error,
        };
        let text = match error {
            // The origin may have responded before it closed, so the response is still read.
            PumpError::Sink(_) => {
                self.state.up_failed = true;
                return Poll::Pending;
            }
            PumpError::Body(bad) if self.state.down == 0 => {
                return Poll::Ready(Outcome::BadRequest(match bad {
                    BodyError::Chunk => BadRequest::Chunk,
                    BodyError::Truncated => BadRequest::Truncated,
                }));
            }
            PumpError::Body(bad) => format!("the client's request: {bad}"),
            PumpError::Source(error) => format!("the client's connection broke: {error}"),
        };
        Poll::Ready(self.broken(text))
    }

    fn poll_down(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        loop {
            if self.state.phase == ResponsePhase::Head {
                match self.take_head() {
                    Ok(true) => continue,
                    Ok(false) => {}
                    Err(outcome) => return Poll::Ready(outcome),
                }
                match self.origin.poll_fill(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(count)) if count > 0 && self.state.up > 0 => {
                        self.state.got_bytes = true;
                        if let Some(opened) = self.opened.take() {
                            self.live.first_byte(opened.elapsed());
                        }
                    }
                    Poll::Ready(result) => return Poll::Ready(self.origin_failed(result)),
                }
                continue;
            }
            let moved = &mut self.state.down;
            let stream = &mut self.origin.connected.stream;
            let buffer = &mut self.origin.buffer;
            let result = self
                .scratch
                .down
                .poll(cx, stream, buffer, self.client, moved);
            match result {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => return Poll::Ready(self.down_failed(error)),
                Poll::Ready(Ok(())) => {}
            }
            match self.state.phase {
                ResponsePhase::Switching => return Poll::Ready(Outcome::Switched),
                ResponsePhase::Body => return Poll::Ready(self.done()),
                ResponsePhase::Head | ResponsePhase::Interim => {
                    self.state.phase = ResponsePhase::Head
                }
            }
        }
    }

    /// Parses a response head from the buffer. `true`: there was one, and the phase changed or the next head may
    /// follow.
    fn take_head(&mut self) -> Result<bool, Outcome> {
        let Some(buffer) = self.origin.buffer.as_mut() else {
            return Ok(false);
        };
        let scratch = &mut *self.scratch;
        match scratch
            .reply
            .parse(buffer.filled(), &mut scratch.reply_scan)
        {
            Ok(false) => return Ok(false),
            Ok(true) => {}
            Err(bad) => return Err(bad_gateway(502, "bad response", bad.to_string())),
        }
        let reply = &scratch.reply;
        match reply.status {
            101 if self.traits.upgrades && scratch.up.is_done() => self.switch(),
            101 => Err(bad_gateway(
                502,
                "bad response",
                "the server switched protocols although it was not asked to".into(),
            )),
            // Without an upstream proxy it is the origin's own.
            407 if self.origin.connected.absolute_form.is_some() => Err(bad_gateway(
                502,
                "upstream refused the login",
                "the next proxy wants other credentials".into(),
            )),
            status if status < 200 => self.take_interim(),
            _ => {
                self.take_final();
                Ok(true)
            }
        }
    }

    fn take_interim(&mut self) -> Result<bool, Outcome> {
        self.state.interims += 1;
        self.state.awaits_continue &= self.scratch.reply.status != 100;
        if self.state.interims > MAX_INTERIM {
            return Err(bad_gateway(
                502,
                "bad response",
                "the server sent one interim response after another".into(),
            ));
        }
        if self.traits.modern {
            self.write_head(false, false);
            self.scratch
                .down
                .start(BodyLength::None, OutputFraming::Plain);
            self.state.phase = ResponsePhase::Interim;
        }
        self.consume_head();
        Ok(true)
    }

    fn switch(&mut self) -> Result<bool, Outcome> {
        self.write_head(false, false);
        self.consume_head();
        let rest = self.origin.buffer.as_ref().map_or(0, |b| b.filled().len());
        let rest = BodyLength::Known(rest as u64);
        self.scratch.down.start(rest, OutputFraming::Plain);
        self.state.phase = ResponsePhase::Switching;
        Ok(true)
    }

    fn take_final(&mut self) {
        let reply = &self.scratch.reply;
        let body = reply.body(self.traits.method);
        let unbounded = matches!(body, BodyLength::Chunked | BodyLength::UntilClose);
        let chunked = unbounded && self.traits.modern;
        self.state.ends_by_close = unbounded && !self.traits.modern;
        self.state.keep_origin = reply.keeps_alive() && body != BodyLength::UntilClose;
        self.state.keep_client &= self.scratch.up.is_done() && !self.state.ends_by_close;
        let filled = self.origin.buffer.as_ref().map(Buffer::filled);
        self.origin.pinned |=
            connection_auth::has_challenge(&self.scratch.reply, filled.unwrap_or_default());
        self.write_head(chunked, !self.state.keep_client);
        self.consume_head();
        let out = if chunked {
            OutputFraming::Chunked
        } else {
            OutputFraming::Plain
        };
        self.scratch.down.start(body, out);
        self.state.phase = ResponsePhase::Body;
    }

    fn write_head(&mut self, chunked: bool, close: bool) {
        let filled = self.origin.buffer.as_ref().map(Buffer::filled);
        let rewrite = ResponseRewrite {
            mode: self.traits.mode,
            chunked,
            close,
            method: self.traits.method,
        };
        let out = &mut self.scratch.down.before;
        out.clear();
        response::write(
            out,
            &self.scratch.reply,
            filled.unwrap_or_default(),
            rewrite,
        );
    }

    fn consume_head(&mut self) {
        let len = self.scratch.reply.len;
        if let Some(buffer) = self.origin.buffer.as_mut() {
            buffer.consume(len);
        }
    }

    fn done(&self) -> Outcome {
        let uploaded = self.scratch.up.is_done();
        let excess = self.origin.buffer.as_ref().is_some_and(|b| !b.is_empty());
        Outcome::Done {
            keep_client: self.state.keep_client && uploaded,
            keep_origin: self.state.keep_origin && uploaded && !excess,
        }
    }

    /// The origin closed, failed, or sent data before the whole head of its response.
    fn origin_failed(&self, result: io::Result<usize>) -> Outcome {
        if self.origin.reused && self.traits.may_repeat && !self.state.got_bytes {
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
        bad_gateway(502, "no response", text)
    }

    fn down_failed(&self, error: PumpError) -> Outcome {
        // The malformed body came together with the head, which was not sent on.
        if let PumpError::Body(bad) = &error
            && self.state.phase == ResponsePhase::Body
            && !self.scratch.down.has_started()
        {
            return bad_gateway(502, "malformed response body", bad.to_string());
        }
        self.broken(match error {
            PumpError::Source(error) => format!("the connection to the server broke: {error}"),
            PumpError::Body(bad) => format!("the server's answer: {bad}"),
            PumpError::Sink(error) => format!("the client went away: {error}"),
        })
    }

    fn broken(&self, text: String) -> Outcome {
        Outcome::Broken {
            reset: self.state.ends_by_close,
            text,
        }
    }

    fn timed_out(&self) -> Outcome {
        let text = match self.wait.waiting_for() {
            WaitingFor::RequestBody => return Outcome::BadRequest(BadRequest::BodyTimeout),
            WaitingFor::Response => return Outcome::Idle,
            WaitingFor::Origin if self.scratch.up.is_done() => {
                "the server did not begin its answer in time"
            }
            WaitingFor::Origin => "the server took no more of the request in time",
        };
        bad_gateway(504, "timed out", text.into())
    }
}
