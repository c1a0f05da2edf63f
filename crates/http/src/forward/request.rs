//! Forwards a plain request: decides, sends it on a pooled or new upstream connection, once more if the pooled one
//! was stale, and handles the outcome for both connections.

use bytes::Bytes;
use privet_config::HeaderMode;
use privet_connection_log::CloseReason;
use privet_net::HttpProxyMode;
use privet_net::reset_watch::{ResetWatch, unless_reset};
use privet_net::{DialError, DialErrorKind};
use tokio::time::Instant;

use super::exchange::{Exchange, ExchangeState};
use super::origin::OriginConnection;
use super::outcome::{Outcome, RequestTraits};
use super::request_context::{filled, request_context, write_page, write_url};
use super::respond::format;
use super::scratch::Scratch;
use super::serve::{Connection, NextStep};
use super::wait::Wait;
use super::{pool, reject};
use crate::body::pump::OutputFraming;
use crate::head::scan::Scan;
use crate::head::{BadRequest, BodyLength, RequestHead, Version};
use crate::headers::request::{self, RequestRewrite};
use crate::headers::{connection_auth, via};
use privet_gateway::{Gateway, Refusal, RouteDecision};

impl<R: Gateway> Connection<'_, R> {
    pub(super) async fn forward(&mut self) -> NextStep {
        let scratch = self.scratch.get();
        write_url(&mut scratch.url, &scratch.head, filled(&self.inbound));
        write_page(&mut scratch.page, &scratch.head, filled(&self.inbound));
        let Some(context) = request_context(
            self.info,
            &scratch.head,
            &scratch.url,
            &scratch.page,
            &self.user,
        ) else {
            return NextStep::Close;
        };
        let decision = match unless_reset(&mut self.client, self.gateway.decide(&context)).await {
            Ok(Ok(decision)) => decision,
            Ok(Err(refusal)) => return self.refuse(refusal).await,
            Err(_) => return NextStep::Close,
        };
        if decision.header_mode == HeaderMode::Untouched
            && via::has_passed_here(&scratch.head, filled(&self.inbound))
        {
            let text = "This request passed this proxy before: it goes round in a circle.";
            return self
                .reply(|format| reject::bad_gateway(508, "loop", text, format))
                .await;
        }
        let traits = traits_of(&scratch.head, filled(&self.inbound), decision.header_mode);
        // An HTTP upstream does not pass an upgrade on: it needs a tunnel of its own.
        let mut pooled = if traits.upgrades {
            None
        } else {
            let (key, target, thorough) = (decision.pool_key, context.target, !traits.may_repeat);
            self.pinned
                .take(key, target, thorough)
                .or_else(|| pool::take(key, target, thorough))
        };
        loop {
            let fresh = pooled.is_none();
            let origin = match pooled.take() {
                Some(origin) => origin,
                None => match self.dial(&decision).await {
                    Ok(Ok(origin)) => origin,
                    Ok(Err(refusal)) => return self.refuse(refusal).await,
                    Err(ClientGone) => return NextStep::Close,
                },
            };
            match self.exchange(origin, &decision, traits).await {
                Some(next) => return next,
                None if fresh => return NextStep::Close,
                None => {}
            }
        }
    }

    async fn dial(
        &mut self,
        decision: &RouteDecision,
    ) -> Result<Result<OriginConnection, Refusal>, ClientGone> {
        let scratch = self.scratch.get();
        let Some(context) = request_context(
            self.info,
            &scratch.head,
            &scratch.url,
            &scratch.page,
            &self.user,
        ) else {
            return Ok(Err(Refusal::Blocked(decision.why.clone())));
        };
        // Boxed: one dial serves many requests, and it is the largest future.
        let mode = if scratch.head.upgrades {
            HttpProxyMode::Connect
        } else {
            HttpProxyMode::AbsoluteForm
        };
        let dialing = Box::pin(self.gateway.dial(&context, decision, mode));
        let connected = match unless_reset(&mut self.client, dialing).await {
            Ok(Ok(connected)) => connected,
            Ok(Err(refusal)) => return Ok(Err(refusal)),
            Err(error) => {
                let text = Some(format!("the client's connection broke: {error}"));
                self.gateway
                    .record_refused(&context, &decision.why, CloseReason::Broken, text);
                return Err(ClientGone);
            }
        };
        if !connected.preread.is_empty() {
            return Ok(Err(Refusal::Failed(spoke_first())));
        }
        Ok(Ok(OriginConnection::new(
            connected,
            context.target.clone(),
            decision.pool_key,
        )))
    }

    /// Sends the request on `origin`. `None`: the connection was stale and nothing was lost.
    async fn exchange(
        &mut self,
        mut origin: OriginConnection,
        decision: &RouteDecision,
        traits: RequestTraits,
    ) -> Option<NextStep> {
        let (row, new) = self.prepare(&origin, decision)?;
        // The policy changed after deciding and forbids this route: nothing is sent.
        if self.live_connections.get(row)?.row().cancelled().is_some() {
            return Some(NextStep::Close);
        }
        // The head's bytes are needed again only if the request may be sent again.
        if !(origin.reused && traits.may_repeat) {
            self.consume_head();
            if filled(&self.inbound).is_empty() {
                self.inbound = None;
            }
        }
        let scratch = self.scratch.get();
        let exchange = Exchange {
            client: &mut self.client,
            inbound: &mut self.inbound,
            scratch,
            origin: &mut origin,
            live: self.live_connections.get(row)?,
            deadline: &mut self.deadline,
            wait: Wait::new(self.gateway.http_timeouts()),
            traits,
            opened: new.then(Instant::now),
            reset_watch: ResetWatch::default(),
            state: ExchangeState::new(traits),
        };
        let outcome = exchange.run().await;
        if matches!(outcome, Outcome::Repeat) {
            return None;
        }
        if !matches!(outcome, Outcome::BadGateway { .. }) {
            self.consume_head();
        }
        Some(self.conclude(outcome, origin, row).await)
    }

    /// Records the connection and writes the head for the origin.
    fn prepare(
        &mut self,
        origin: &OriginConnection,
        decision: &RouteDecision,
    ) -> Option<(usize, bool)> {
        let Scratch {
            head,
            up,
            reply_scan,
            url,
            page,
            ..
        } = self.scratch.get();
        let head = &*head;
        let buffer = filled(&self.inbound);
        let context = request_context(self.info, head, url, page, &self.user)?;
        let gateway = self.gateway;
        let mut new = false;
        let row = self.live_connections.find_or_open(
            decision.pool_key,
            context.target,
            &origin.connected.route,
            || {
                new = true;
                gateway.record(&context, decision, &origin.connected)
            },
        );
        let rewrite = RequestRewrite {
            target: context.target,
            mode: decision.header_mode,
            proxy: origin.connected.absolute_form.as_ref(),
        };
        let out = match head.body {
            BodyLength::Chunked => OutputFraming::Chunked,
            _ => OutputFraming::Plain,
        };
        up.before.clear();
        request::write(&mut up.before, head, buffer, &rewrite);
        up.start(head.body, out);
        *reply_scan = Scan::default();
        Some((row, new))
    }

    async fn conclude(
        &mut self,
        outcome: Outcome,
        origin: OriginConnection,
        row: usize,
    ) -> NextStep {
        match outcome {
            Outcome::Done {
                keep_client,
                keep_origin,
            } => {
                let uploaded = self.scratch.get().up.is_done();
                match (keep_origin, origin.pinned) {
                    (true, false) => pool::give(origin),
                    (true, true) => self.pinned.give(origin),
                    (false, _) => {}
                }
                match (keep_client, uploaded) {
                    (true, _) => NextStep::Request,
                    (false, true) => NextStep::Close,
                    (false, false) => NextStep::Linger,
                }
            }
            Outcome::Switched => self.switch(origin, row),
            Outcome::BadGateway {
                status,
                reason,
                text,
            } => {
                self.end_row(row, CloseReason::Broken, &text);
                self.answer_failure(status, reason, &text).await
            }
            Outcome::BadRequest(bad) => {
                let reason = match bad {
                    BadRequest::BodyTimeout => CloseReason::Idle,
                    _ => CloseReason::Broken,
                };
                self.end_row(row, reason, &bad.to_string());
                reject::send(&mut self.client, &reject::bad_request(bad)).await;
                NextStep::Linger
            }
            Outcome::Broken { reset, text } => {
                self.end_row(row, CloseReason::Broken, &text);
                if reset {
                    self.client.reset_on_close();
                }
                NextStep::Close
            }
            Outcome::Idle => {
                self.end_row(row, CloseReason::Idle, "no byte moved for too long");
                NextStep::Close
            }
            Outcome::Repeat | Outcome::Cancelled => NextStep::Close,
        }
    }

    fn switch(&mut self, origin: OriginConnection, row: usize) -> NextStep {
        let preread = Bytes::copy_from_slice(filled(&self.inbound));
        match self.live_connections.take(row) {
            Some(live) => NextStep::Tunnel {
                preread,
                connected: Box::new(origin.connected),
                live,
            },
            None => NextStep::Close,
        }
    }

    async fn answer_failure(&mut self, status: u16, reason: &'static str, text: &str) -> NextStep {
        let head = &self.scratch.get().head;
        if head.has_body() {
            let page = reject::bad_gateway(status, reason, text, format(head, true));
            reject::send(&mut self.client, &page).await;
            return NextStep::Linger;
        }
        self.reply(|format| reject::bad_gateway(status, reason, text, format))
            .await
    }

    fn end_row(&mut self, row: usize, end: CloseReason, error: &str) {
        if let Some(live) = self.live_connections.take(row) {
            live.close(end, Some(error.to_owned()));
        }
    }
}

/// The client reset its connection; recorded already.
struct ClientGone;

/// Bytes before the request are not a response to it.
fn spoke_first() -> DialError {
    DialError {
        kind: DialErrorKind::UpstreamProtocol,
        hop: None,
        text: "the server spoke before it was asked".into(),
    }
}

fn traits_of(head: &RequestHead, buffer: &[u8], mode: HeaderMode) -> RequestTraits {
    RequestTraits {
        method: head.method,
        modern: head.version == Version::Http11,
        keep_alive: head.keeps_alive(),
        upgrades: head.upgrades,
        expects_continue: head.expects_continue,
        authenticates_connection: connection_auth::has_credentials(head, buffer),
        may_repeat: head.method.is_idempotent() && !head.has_body(),
        mode,
    }
}
