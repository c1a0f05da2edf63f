//! One attempt to send a request on a leased connection, whichever version of HTTP the origin speaks.

use std::time::{Duration, Instant};

use privet_connection_log::LiveConnection;
use privet_connection_log::requests::{DialPhases, HttpVersion, NewRequest};
use privet_net::Connected;
use privet_scan::RequestScanner;

use super::flow::{RequestFlow, request};
use crate::cache::observer::Observer;
use crate::cache::status::CacheUse;
use crate::exchange::state::ExchangeState;
use crate::exchange::wait::Wait;
use crate::exchange::{Downstream, Exchange, Outcome, RequestTraits, Upstream};
use crate::head::Version;
use crate::scanning::{Refused, ScanClient, ScanReport};
use crate::service::{Attempt, Fetch, Service};
use crate::turn;

/// The row of a request.
#[derive(Clone, Copy)]
pub(super) struct Row {
    /// Its place among the connection's rows.
    pub at: usize,
    /// This is its first request.
    new: bool,
}

impl<S: Service, D: Downstream> RequestFlow<'_, S, D> {
    /// The row for a request on this connection. `None`: the request has no target.
    pub(super) fn row_of(&mut self, fetch: &S::Fetch, connected: &Connected) -> Option<Row> {
        let request = request!(self, self.client.head_bytes())?;
        let service = self.service;
        let mut new = false;
        let at = self.live_connections.find_or_open(
            fetch.pool_key(),
            fetch.target(request.target),
            &connected.route,
            || {
                new = true;
                service.record(&request, fetch, connected)
            },
        );
        Some(Row { at, new })
    }

    /// Sends the request, whose head is queued, and passes the response on. The request is recorded.
    pub(super) async fn attempt<U: Upstream>(
        &mut self,
        origin: &mut U,
        row: Row,
        fetch: &S::Fetch,
        traits: RequestTraits,
    ) -> Outcome {
        self.observe(row.at);
        if let Some(scanning) = fetch.scanner()
            && let Err(outcome) = self.plan_scans(scanning)
        {
            self.record_request(row.at, &outcome);
            return outcome;
        }
        self.keep_request(fetch, traits);
        let outcome = match self.live_connections.get(row.at) {
            // The policy changed after deciding and forbids this route: nothing is sent.
            Some(live) if live.row().cancelled().is_none() => {
                let exchange = Exchange {
                    client: self.client,
                    origin,
                    head: self.head,
                    reply: self.reply,
                    live,
                    deadline: self.deadline,
                    wait: Wait::new(self.service.timeouts()),
                    traits,
                    style: fetch.response_style(),
                    observed: self.observed,
                    observer: self.observer.as_mut().map(Observer::as_head_observer),
                    kept: &mut self.kept,
                    scans: &mut self.scans,
                    opened: row.new.then(Instant::now),
                    state: ExchangeState::new(traits),
                };
                exchange.run().await
            }
            _ => Outcome::Cancelled,
        };
        if !matches!(outcome, Outcome::Taken { .. }) {
            self.record_request(row.at, &outcome);
        }
        // The answer to a bad gateway, and one from the cache, is made from the head.
        let keeps = matches!(
            outcome,
            Outcome::Repeat
                | Outcome::BadGateway { .. }
                | Outcome::Refused { .. }
                | Outcome::Taken { .. }
        );
        if !keeps {
            self.client.release_head();
        }
        outcome
    }

    /// The request's bodies are scanned. An error: its upload may not pass.
    fn plan_scans(&mut self, scanning: &RequestScanner) -> Result<(), Outcome> {
        self.begin_scans(scanning);
        let bytes = self.client.head_bytes();
        self.scans
            .plan_upload(self.head, bytes)
            .map_err(|Refused| Outcome::Refused {
                text: self
                    .scans
                    .report()
                    .map(ScanReport::text)
                    .unwrap_or_default(),
            })
    }

    /// Keeps the head's bytes, and the body's, as long as they may be needed again: where the request may be sent again, or
    /// where the head is read once the response is there, by the cache, or to see whether a protocol was offered.
    fn keep_request(&mut self, fetch: &S::Fetch, traits: RequestTraits) {
        let is_read =
            self.head.upgrades || self.observer.as_ref().is_some_and(Observer::reads_request);
        let keeps = traits.may_repeat || traits.may_be_refused;
        if !keeps && !is_read {
            self.client.release_head();
        }
        if self.kept.is_on() {
            self.kept.rewind(&mut self.client.source());
            return;
        }
        self.client.limit_body(fetch.max_request_body());
        if (keeps || is_read) && self.head.has_body() {
            self.client.detach_head();
        }
        if keeps && self.head.has_body() {
            self.kept.start();
        }
    }

    /// The request's bodies are scanned.
    pub(crate) fn begin_scans(&mut self, scanning: &RequestScanner) {
        let asker = ScanClient {
            ip: self.info.peer.ip(),
            speaks_http2: D::HTTP_2,
        };
        let bytes = self.client.head_bytes();
        self.scans
            .begin(scanning, asker, self.head, bytes, self.url);
    }

    /// Reports how an attempt ended.
    pub(super) fn report(&self, outcome: &Outcome, fetch: &mut S::Fetch) {
        let attempt = match outcome {
            Outcome::Done { .. } | Outcome::Taken { .. } | Outcome::Switched => Attempt::Answered {
                status: self.reply.status,
                at: self.observed.answered.unwrap_or_else(Instant::now),
            },
            Outcome::Repeat | Outcome::BadGateway { .. } => Attempt::Failed,
            Outcome::Broken { .. }
            | Outcome::Refused { .. }
            | Outcome::BadRequest(_)
            | Outcome::TooLarge
            | Outcome::Idle
            | Outcome::Cancelled => Attempt::Abandoned,
        };
        self.service.attempt_ended(fetch, attempt);
    }

    /// Notes when the request started, where requests are recorded.
    pub(crate) fn observe(&mut self, row: usize) {
        let live = self.live_connections.get(row);
        if live.is_some_and(LiveConnection::records_requests) {
            let method = self.head.method_span.of_buffer(self.client.head_bytes());
            self.observed.record(method);
        } else if S::RETRIES {
            self.observed.measure();
        }
    }

    /// Records the request, unless it is sent again.
    pub(crate) fn record_request(&mut self, row: usize, outcome: &Outcome) {
        let Some(live) = self.live_connections.get(row) else {
            return;
        };
        if let Some(used) = self
            .observed
            .cache
            .filter(|_| !matches!(outcome, Outcome::Repeat))
        {
            let now = turn::now().into_std();
            let longer = |(took, began): (Duration, Instant)| {
                took.saturating_sub(now.saturating_duration_since(began))
            };
            let time = self.observed.origin_took.map_or(Duration::ZERO, longer);
            if let Some(saving) = used.saving(self.observed.down, time) {
                live.cache_used(saving);
            }
        }
        let Some(started) = self.observed.started else {
            return;
        };
        if matches!(outcome, Outcome::Repeat) {
            return;
        }
        let error = error_of(outcome);
        let seen = &*self.observed;
        let scan = self.scans.report().map(ScanReport::row);
        live.record_request(&NewRequest {
            method: &seen.method,
            version: match (D::HTTP_2, self.head.version) {
                (true, _) => HttpVersion::Http2,
                (false, Version::Http11) => HttpVersion::Http11,
                (false, Version::Http10) => HttpVersion::Http10,
            },
            url: self.url,
            status: match outcome {
                Outcome::Refused { .. } => Some(403),
                _ => seen.status,
            },
            media_type: (!seen.media_type.is_empty()).then_some(&seen.media_type),
            up: seen.up,
            down: seen.down,
            up_head: seen.up_head,
            down_head: seen.down_head,
            dial: seen.dialed.map(|dialed| DialPhases {
                dns: dialed.dns,
                connect: dialed.connect,
                tls: dialed.tls,
            }),
            first_byte: seen.answered.map(|at| at.duration_since(started)),
            total: turn::now().into_std() - started,
            scan: scan.as_ref(),
            error: error.as_deref(),
            cache: seen.cache.map(CacheUse::row),
        });
    }
}

/// What went wrong; `None`: nothing.
fn error_of(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Repeat | Outcome::Done { .. } | Outcome::Taken { .. } | Outcome::Switched => None,
        Outcome::BadGateway { text, .. }
        | Outcome::Refused { text }
        | Outcome::Broken { text, .. } => Some(text.clone()),
        Outcome::BadRequest(bad) => Some(bad.to_string()),
        Outcome::TooLarge => Some("the body is larger than is accepted".to_owned()),
        Outcome::Idle => Some("no byte moved for too long".to_owned()),
        Outcome::Cancelled => Some("the connection was closed".to_owned()),
    }
}
