//! Sends a request to an origin: on a pooled or new connection, once more if the pooled one was stale, and handles the
//! outcome for both connections.

use privet_config::HeaderMode;
use privet_connection_log::CloseReason;
use privet_net::{Connected, HttpProxyMode};
use privet_tls::Alpn;

use super::fetch_shared::LeasedStream;
use super::fetched::{Failed, Fetched, Lease, Sent};
use super::flow::{NextStep, RequestFlow, format, request};
use crate::cache::observer::Observer;
use crate::exchange::downstream::unless_gone;
use crate::exchange::outcome::{NO_RESPONSE, TIMED_OUT};
use crate::exchange::{Downstream, Outcome, RequestTraits, Upstream};
use crate::head::{BadRequest, RequestHead, Version};
use crate::headers::request::RequestRewrite;
use crate::headers::{connection_auth, via};
use crate::respond::reject;
use crate::service::{Attempt, Fetch, OriginProtocol, Service};
use crate::upstream::shared::Opening;
use crate::upstream::{OriginConnection, pool};

impl<S: Service, D: Downstream> RequestFlow<'_, S, D> {
    /// Sends a request to an origin, and the response to the client.
    pub(crate) async fn relay(&mut self, mut fetch: S::Fetch) -> NextStep {
        self.relay_to(&mut fetch).await
    }

    pub(crate) async fn relay_to(&mut self, fetch: &mut S::Fetch) -> NextStep {
        match self.fetch_from_origin(fetch).await {
            Fetched::Next(next) => next,
            Fetched::Failed(response, _) => self.reply(response).await,
            Fetched::Taken(_) => NextStep::Close,
        }
    }

    /// The response to a request that is not sent on.
    fn refusal(&self, fetch: &mut S::Fetch) -> Option<Fetched> {
        if let Err(response) = self.service.prepare(fetch) {
            return Some(Fetched::Failed(response, Failed::NoAnswer));
        }
        if fetch.header_mode() == HeaderMode::Untouched
            && via::has_passed_here(self.head, self.client.head_bytes())
        {
            let text = "This request passed this proxy before: it goes round in a circle.";
            let response = self.service.failure(508, "loop", text.to_owned());
            return Some(Fetched::Failed(response, Failed::Other));
        }
        None
    }

    pub(crate) async fn fetch_from_origin(&mut self, fetch: &mut S::Fetch) -> Fetched {
        if let Some(refused) = self.refusal(fetch) {
            return refused;
        }
        let traits = traits_of(self.head, self.client.head_bytes());
        // What was kept open had ended: a new connection is tried.
        let mut was_stale = false;
        loop {
            let idle = match was_stale {
                true => None,
                false => self.take_idle(fetch, traits),
            };
            let lease = match idle {
                Some(origin) => Lease::Open(origin),
                None => self.open(fetch).await,
            };
            let lease = match lease {
                // It spoke HTTP/1 before.
                Lease::Open(origin) if origin.connected.alpn == Some(Alpn::H2) => {
                    let opening = Opening::alone(origin.key, &origin.target);
                    Box::pin(self.share(origin, opening)).await
                }
                lease => lease,
            };
            let sent = match lease {
                Lease::Open(origin) => self.exchange(origin, fetch, traits).await,
                Lease::Shared(connection, fresh) => {
                    let leased = LeasedStream {
                        connection,
                        fresh,
                        was_stale,
                    };
                    Box::pin(self.exchange_shared(leased, fetch, traits)).await
                }
                Lease::Again => continue,
                Lease::Gone => {
                    self.service.attempt_ended(fetch, Attempt::Abandoned);
                    return Fetched::Next(NextStep::Close);
                }
                Lease::Failed(response, failed) => {
                    self.service.attempt_ended(fetch, Attempt::Unreachable);
                    // Nothing was sent: any request may go elsewhere.
                    if self.service.next_attempt(fetch) {
                        was_stale = false;
                        continue;
                    }
                    return Fetched::Failed(response, failed);
                }
            };
            was_stale = match sent {
                Sent::Concluded(fetched) => return fetched,
                Sent::Repeat { to_same } if to_same => true,
                Sent::Repeat { .. } if self.service.next_attempt(fetch) => false,
                Sent::Repeat { .. } => return self.no_answer(),
                Sent::OverHttp1 => false,
            };
        }
    }

    /// Opens a connection, or takes a share of one.
    async fn open(&mut self, fetch: &S::Fetch) -> Lease {
        match fetch.protocol() {
            OriginProtocol::Http2 => Box::pin(self.lease_shared(fetch)).await,
            OriginProtocol::Http1 => self.dial(fetch).await,
        }
    }

    /// Every attempt ended without an answer.
    pub(super) fn no_answer(&self) -> Fetched {
        let text = "the server closed the connection without an answer".to_owned();
        let response = self.service.failure(502, NO_RESPONSE, text);
        Fetched::Failed(response, Failed::NoAnswer)
    }

    pub(super) async fn dial(&mut self, fetch: &S::Fetch) -> Lease {
        let service = self.service;
        let (bytes, watch) = self.client.head_and_watch();
        let Some(request) = request!(self, bytes) else {
            return Lease::Gone;
        };
        let mode = if self.head.upgrades {
            HttpProxyMode::Connect
        } else {
            HttpProxyMode::AbsoluteForm
        };
        // Boxed: one dial serves many requests, and it is the largest future.
        let dialing = Box::pin(service.dial(&request, fetch, mode));
        let connected = match unless_gone(watch, dialing).await {
            Ok(Ok(connected)) => connected,
            Ok(Err(failure)) => {
                let failed = match failure.unreachable {
                    true => Failed::NoAnswer,
                    false => Failed::Other,
                };
                return Lease::Failed(failure.response, failed);
            }
            Err(error) => {
                let text = Some(format!("the client's connection broke: {error}"));
                service.record_refused(&request, fetch, CloseReason::Broken, text);
                return Lease::Gone;
            }
        };
        if !connected.preread.is_empty() {
            let text = "the server spoke before it was asked".to_owned();
            let response = service.failure(502, "bad response", text);
            return Lease::Failed(response, Failed::Other);
        }
        let target = fetch.target(request.target).clone();
        Lease::Open(OriginConnection::new(connected, target, fetch.pool_key()))
    }

    /// Sends the request on `origin`.
    async fn exchange(
        &mut self,
        mut origin: Box<OriginConnection>,
        fetch: &mut S::Fetch,
        mut traits: RequestTraits,
    ) -> Sent {
        let fresh = !origin.reused;
        traits.may_repeat &= origin.reused || S::RETRIES;
        traits.through_proxy = origin.connected.absolute_form.is_some();
        let Some(row) = self.row_of(fetch, &origin.connected) else {
            return Sent::Concluded(Fetched::Next(NextStep::Close));
        };
        if fresh {
            self.observed.dialed = Some(origin.connected.timings);
        }
        self.queue(&mut origin, fetch);
        let outcome = self.attempt(&mut origin, row, fetch, traits).await;
        if fresh || !matches!(outcome, Outcome::Repeat) {
            self.report(&outcome, fetch);
        }
        if !matches!(outcome, Outcome::Repeat) {
            return Sent::Concluded(self.conclude(outcome, Some(origin), row.at).await);
        }
        if fresh {
            self.end_row(row.at, CloseReason::Broken, "closed without an answer");
        }
        Sent::Repeat { to_same: !fresh }
    }

    /// Queues the request's head.
    fn queue(&mut self, origin: &mut OriginConnection, fetch: &S::Fetch) {
        let Some(target) = self.head.target.as_ref() else {
            return;
        };
        let OriginConnection {
            connected, state, ..
        } = origin;
        if let Some(observer) = &mut self.observer {
            observer.goes_by(&connected.route);
        }
        let rewrite = RequestRewrite {
            target,
            mode: fetch.header_mode(),
            proxy: connected.absolute_form.as_ref(),
            site: fetch.site_request(),
            conditions: self.observer.as_ref().and_then(Observer::conditions),
            scanned: fetch.scanner().is_some(),
        };
        let bytes = self.client.head_bytes();
        self.observed.up_head += state.get().start(self.head, bytes, &rewrite);
    }

    /// What follows an exchange. `origin`: the connection, unless requests share it.
    pub(crate) async fn conclude(
        &mut self,
        outcome: Outcome,
        origin: Option<Box<OriginConnection>>,
        row: usize,
    ) -> Fetched {
        Fetched::Next(match outcome {
            Outcome::Done {
                keep_client,
                keep_origin,
                pins_origin,
                uploaded,
            } => {
                if let Some(origin) = origin.filter(|_| keep_origin) {
                    self.keep(origin, pins_origin);
                }
                after_response(keep_client, uploaded)
            }
            Outcome::Switched => self.switch(origin.map(|origin| origin.connected), row),
            Outcome::BadGateway {
                status,
                reason,
                text,
            } => {
                self.end_row(row, CloseReason::Broken, &text);
                return self.answer_failure(status, reason, text).await;
            }
            Outcome::BadRequest(bad) => self.answer_bad_request(bad, row).await,
            Outcome::TooLarge => {
                let text = "the request's body is too large".to_owned();
                self.end_row(row, CloseReason::Broken, &text);
                return self.answer_failure(413, "body too large", text).await;
            }
            Outcome::Refused { text } => {
                let reason = CloseReason::Broken;
                self.end_row(row, reason, &text);
                let page = reject::stopped(&text, format(self.head, true), S::IS_PUBLIC);
                self.client.send(&page).await;
                NextStep::Linger
            }
            Outcome::Broken { reset, text } => {
                self.end_row(row, CloseReason::Broken, &text);
                if reset {
                    self.client.reset();
                }
                NextStep::Close
            }
            Outcome::Idle => {
                self.end_row(row, CloseReason::Idle, "no byte moved for too long");
                NextStep::Close
            }
            Outcome::Taken { keep_origin } => {
                if let Some(origin) = origin {
                    self.pass_on(origin, keep_origin, release);
                }
                return Fetched::Taken(row);
            }
            Outcome::Repeat | Outcome::Cancelled => NextStep::Close,
        })
    }

    /// Keeps a connection for the next request. `pins`: it belongs to this client from here on.
    fn keep(&mut self, mut origin: Box<OriginConnection>, pins: bool) {
        origin.pinned |= pins;
        if origin.pinned {
            self.pinned.give(origin);
        } else {
            pool::give(origin);
        }
    }

    pub(super) fn switch(&mut self, connected: Option<Connected>, row: usize) -> NextStep {
        let preread = self.client.take_preread();
        match (self.live_connections.take(row), connected) {
            (Some(live), Some(connected)) => NextStep::Tunnel {
                preread,
                connected: Box::new(connected),
                live,
            },
            _ => NextStep::Close,
        }
    }

    async fn answer_bad_request(&mut self, bad: BadRequest, row: usize) -> NextStep {
        let reason = match bad {
            BadRequest::BodyTimeout => CloseReason::Idle,
            _ => CloseReason::Broken,
        };
        self.end_row(row, reason, &bad.to_string());
        self.client
            .send(&reject::bad_request(bad, S::IS_PUBLIC))
            .await;
        NextStep::Linger
    }

    async fn answer_failure(&mut self, status: u16, reason: &'static str, text: String) -> Fetched {
        let response = self.service.failure(status, reason, text);
        if self.head.has_body() {
            let page = response(format(self.head, true));
            self.client.send(&page).await;
            return Fetched::Next(NextStep::Linger);
        }
        let failed = match reason {
            NO_RESPONSE | TIMED_OUT => Failed::NoAnswer,
            _ => Failed::Other,
        };
        Fetched::Failed(response, failed)
    }

    pub(super) fn end_row(&mut self, row: usize, end: CloseReason, error: &str) {
        if let Some(live) = self.live_connections.take(row) {
            live.close(end, Some(error.to_owned()));
        }
    }
}

/// What follows a whole response. `uploaded`: the request's body was read to its end.
fn after_response(keep_client: bool, uploaded: bool) -> NextStep {
    match (keep_client, uploaded) {
        (true, _) => NextStep::Request,
        (false, true) => NextStep::Close,
        (false, false) => NextStep::Linger,
    }
}

/// Keeps a connection whose response was read apart from its client.
fn release(origin: Box<OriginConnection>) {
    if origin.unused() == 0 {
        pool::give(origin);
    }
}

pub(super) fn traits_of(head: &RequestHead, bytes: &[u8]) -> RequestTraits {
    RequestTraits {
        method: head.method,
        modern: head.version == Version::Http11,
        keep_alive: head.keeps_alive(),
        upgrades: head.upgrades,
        expects_continue: head.expects_continue,
        authenticates_connection: connection_auth::has_credentials(head, bytes),
        // A body is kept as long as it is small.
        may_repeat: head.method.is_idempotent(),
        may_be_refused: false,
        through_proxy: false,
    }
}
