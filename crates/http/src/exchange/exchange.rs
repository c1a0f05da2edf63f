//! Runs one request and its response. Both directions run at once: a response may arrive while the body is still being
//! sent, and a 100 has to.

use std::future::poll_fn;
use std::task::{Context, Poll};

use privet_connection_log::LiveConnection;

use super::deadline::Deadline;
use super::downstream::{ClientWatch, Downstream};
use super::head_observer::{HeadObserver, SeenHead};
use super::observed::Observed;
use super::outcome::{Outcome, RequestTraits, bad_gateway};
use super::state::{ExchangeState, ResponsePhase};
use super::upstream::Upstream;
use super::wait::{Wait, WaitingFor};
use crate::body::{BodyError, KeptBody, KeptSource, Transfer, TransferError};
use crate::head::{BadRequest, BodyLength, RequestHead, ResponseHead, upgrade};
use crate::headers::connection_auth;
use crate::headers::response::{ResponseRewrite, ResponseStyle};
use crate::scanning::{Refused, Scanned, Scans};

/// The most interim responses (1xx) to one request.
const MAX_INTERIM: u8 = 16;

pub struct Exchange<'a, D, U> {
    pub client: &'a mut D,
    pub origin: &'a mut U,
    pub head: &'a RequestHead,
    pub reply: &'a mut ResponseHead,
    pub live: &'a LiveConnection,
    pub deadline: &'a mut Deadline,
    pub wait: Wait,
    pub traits: RequestTraits,
    pub style: ResponseStyle<'a>,
    pub observed: &'a mut Observed,
    pub observer: Option<&'a mut dyn HeadObserver>,
    /// The request's body as far as it is kept.
    pub kept: &'a mut KeptBody,
    pub scans: &'a mut Scans,
    /// When the connection was recorded, if this is its first request.
    pub opened: Option<std::time::Instant>,
    pub state: ExchangeState,
}

impl<D: Downstream, U: Upstream> Exchange<'_, D, U> {
    /// Runs the exchange. The request's head is queued already.
    pub async fn run(mut self) -> Outcome {
        self.live.request();
        self.state.pins_origin = self.traits.authenticates_connection;
        self.deadline.set(self.wait.limit());
        poll_fn(|cx| self.poll(cx)).await
    }

    fn waiting_for(&self) -> WaitingFor {
        let sends_body = self.state.request.waits_for_source()
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
        let scanned_before = self.scans.read();
        let mut result = self.poll_up(cx);
        if result.is_pending() {
            result = self.poll_down(cx);
        }
        let (up, down) = (self.state.up - up_before, self.state.down - down_before);
        if up > 0 {
            self.live.up(up);
            self.observed.up += up;
        }
        if down > 0 {
            self.live.down(down);
            self.observed.down += down;
        }
        if result.is_ready() {
            return result;
        }
        if self.live.poll_cancelled(cx).is_ready() {
            return Poll::Ready(Outcome::Cancelled);
        }
        let gone = self.client.head_and_watch().1.poll_gone(cx);
        if let Poll::Ready(error) = gone {
            return Poll::Ready(self.broken(format!("the client's connection broke: {error}")));
        }
        let scanned = self.scans.read();
        let taken = scanned.0.saturating_sub(scanned_before.0);
        if up + down + taken > 0 || scanned != scanned_before {
            // The first bytes are the head.
            self.state.awaits_continue &= up_before == 0 || up == 0;
            if self.wait.moved(up + taken, self.waiting_for()) {
                self.deadline.set(self.wait.limit());
            }
        }
        if self.scans.is_asking() {
            self.deadline.set(self.wait.limit());
            return Poll::Pending;
        }
        if self.deadline.poll(cx).is_ready() {
            return Poll::Ready(self.timed_out());
        }
        Poll::Pending
    }

    /// Moves the request. Ready only when the exchange cannot go on.
    fn poll_up(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        if self.state.up_failed || self.state.request.is_done() {
            return Poll::Pending;
        }
        let ExchangeState { request, up, .. } = &mut self.state;
        let result = {
            let mut sink = self.origin.sink();
            if self.kept.is_on() || self.scans.up().is_some() {
                let mut source = KeptSource {
                    kept: self.kept,
                    source: self.client.source(),
                };
                match self.scans.up() {
                    Some(scan) => request.poll(cx, &mut Scanned { source, scan }, &mut sink, up),
                    None => request.poll(cx, &mut source, &mut sink, up),
                }
            } else {
                request.poll(cx, &mut self.client.source(), &mut sink, up)
            }
        };
        let error = match result {
            Poll::Pending | Poll::Ready(Ok(())) => return Poll::Pending,
            Poll::Ready(Err(error)) => error,
        };
        let text = match error {
            // The origin may have responded before it closed, so the response is still read.
            TransferError::Sink(_) => {
                self.state.up_failed = true;
                return Poll::Pending;
            }
            TransferError::Body(BodyError::Refused) => {
                return Poll::Ready(self.refused());
            }
            TransferError::Body(BodyError::TooLarge) if self.state.down == 0 => {
                return Poll::Ready(Outcome::TooLarge);
            }
            TransferError::Body(bad) if self.state.down == 0 => {
                return Poll::Ready(Outcome::BadRequest(match bad {
                    BodyError::Chunk => BadRequest::Chunk,
                    BodyError::Truncated | BodyError::TooLarge | BodyError::Refused => {
                        BadRequest::Truncated
                    }
                }));
            }
            TransferError::Body(bad) => format!("the client's request: {bad}"),
            TransferError::Source(error) => format!("the client's connection broke: {error}"),
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
            let ExchangeState { response, down, .. } = &mut self.state;
            let result = {
                let (mut source, mut sink) = (self.origin.source(), self.client.sink());
                match self.scans.down() {
                    None => response.poll(cx, &mut source, &mut sink, down),
                    Some(scan) => response.poll(cx, &mut Scanned { source, scan }, &mut sink, down),
                }
            };
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
        match self.origin.parse_head(self.reply) {
            Ok(false) => return Ok(false),
            Ok(true) => {}
            Err(bad) => return Err(bad_gateway(502, "bad response", bad.to_string())),
        }
        match self.reply.status {
            101 if self.traits.upgrades && self.state.request.is_done() => {
                self.check_switch()?;
                self.switch()
            }
            101 => Err(bad_gateway(
                502,
                "bad response",
                "the server switched protocols although it was not asked to".into(),
            )),
            // Without an upstream proxy it is the origin's own.
            407 if self.traits.through_proxy => Err(bad_gateway(
                502,
                "upstream refused the login",
                "the next proxy wants other credentials".into(),
            )),
            status if status < 200 => self.take_interim(),
            _ => self.take_final(),
        }
    }

    fn take_interim(&mut self) -> Result<bool, Outcome> {
        self.state.interims += 1;
        self.state.awaits_continue &= self.reply.status != 100;
        if self.state.interims > MAX_INTERIM {
            return Err(bad_gateway(
                502,
                "bad response",
                "the server sent one interim response after another".into(),
            ));
        }
        if self.traits.modern {
            self.queue_head(false, false, false);
            self.start_body(BodyLength::None, ResponsePhase::Interim);
        } else {
            self.origin.consume_head(self.reply);
        }
        Ok(true)
    }

    fn check_switch(&self) -> Result<(), Outcome> {
        let (request, reply) = (self.client.head_bytes(), self.origin.head_bytes());
        match upgrade::is_offered(self.head, request, self.reply, reply) {
            true => Ok(()),
            false => Err(bad_gateway(
                502,
                "bad response",
                "the server switched to a protocol that the request did not offer".into(),
            )),
        }
    }

    fn switch(&mut self) -> Result<bool, Outcome> {
        self.observed.answer(self.reply, self.origin.head_bytes());
        self.queue_head(false, false, false);
        self.origin.consume_head(self.reply);
        let rest = BodyLength::Known(self.origin.unused() as u64);
        self.origin.start_body(rest);
        self.state.response = Transfer::default();
        self.state.phase = ResponsePhase::Switching;
        Ok(true)
    }

    fn take_final(&mut self) -> Result<bool, Outcome> {
        self.observed.answer(self.reply, self.origin.head_bytes());
        let body = self.reply.body(self.traits.method);
        let unbounded = matches!(body, BodyLength::Chunked | BodyLength::UntilClose);
        self.state.ends_by_close = unbounded && !self.traits.modern;
        self.state.keep_origin = self.reply.keeps_alive() && body != BodyLength::UntilClose;
        self.state.keep_client &= self.state.request.is_done() && !self.state.ends_by_close;
        self.state.pins_origin |=
            connection_auth::has_challenge(self.reply, self.origin.head_bytes());
        let bytes = self.origin.head_bytes();
        if let Err(Refused) = self.scans.plan_download(self.reply, bytes, body) {
            return Err(self.refused());
        }
        if self.is_taken(body) {
            self.start_body(body, ResponsePhase::Body);
            let keep_origin = self.state.keep_origin;
            return Err(Outcome::Taken { keep_origin });
        }
        if let Some(part) = self.scans.part() {
            self.observed.status = Some(part.status());
        }
        let chunked = unbounded && self.traits.modern;
        self.queue_head(chunked, !self.state.keep_client, true);
        self.start_body(body, ResponsePhase::Body);
        Ok(true)
    }

    /// A response that belongs to this client's connection, or to a request that is still being sent, is never taken.
    fn is_taken(&mut self, body: BodyLength) -> bool {
        let Some(observer) = &mut self.observer else {
            return false;
        };
        if !self.state.request.is_done() || self.state.pins_origin {
            return false;
        }
        observer.takes(&SeenHead {
            request: self.head,
            request_bytes: self.client.head_bytes(),
            response: self.reply,
            bytes: self.origin.head_bytes(),
            body: match self.scans.is_none() {
                true => self.origin.whole_body(self.reply, body),
                false => None,
            },
            style: self.style,
        })
    }

    /// Queues a head for the client. `last`: of the final response.
    fn queue_head(&mut self, chunked: bool, close: bool, last: bool) {
        let observer = self.observer.as_deref().filter(|_| last);
        let rewrite = ResponseRewrite {
            style: self.style,
            chunked,
            close,
            method: self.traits.method,
            part: self.scans.part().filter(|_| last),
            lines: match observer {
                Some(observer) => observer.lines(),
                None if last => &self.observed.lines,
                None => &[],
            },
        };
        let bytes = self.origin.head_bytes();
        self.observed.down_head += self.client.start_response(self.reply, bytes, &rewrite);
    }

    fn start_body(&mut self, length: BodyLength, phase: ResponsePhase) {
        self.origin.consume_head(self.reply);
        self.origin.start_body(length);
        self.state.response = Transfer::default();
        self.state.phase = phase;
    }

    fn done(&self) -> Outcome {
        let uploaded = self.state.request.is_done();
        let excess = self.origin.unused() > 0;
        Outcome::Done {
            keep_client: self.state.keep_client && uploaded,
            keep_origin: self.state.keep_origin && uploaded && !excess,
            pins_origin: self.state.pins_origin,
            uploaded,
        }
    }
}
