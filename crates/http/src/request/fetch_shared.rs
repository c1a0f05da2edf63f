//! Sends a request to an origin that speaks HTTP/2: as a stream of a connection that requests share.

use std::future::poll_fn;
use std::io;

use privet_connection_log::CloseReason;
use privet_tls::Alpn;
use tokio::time::timeout;

use super::attempt::Row;
use super::fetched::{Failed, Fetched, Lease, Sent};
use super::flow::{NextStep, RequestFlow};
use crate::cache::observer::Observer;
use crate::exchange::downstream::unless_gone;
use crate::exchange::{Downstream, Outcome, RequestTraits};
use crate::h2::error::Unprocessed;
use crate::head::FieldKind;
use crate::headers::request::RequestRewrite;
use crate::service::{Attempt, Fetch, OriginProtocol, OwnResponse, Service};
use crate::upstream::h2::StreamError;
use crate::upstream::shared::{self, Admission, Identity, Opening, SharedConnection};
use crate::upstream::{H2Origin, OriginConnection};

/// A shared connection that takes a stream.
pub(super) struct LeasedStream {
    pub connection: Box<SharedConnection>,
    /// It was opened for this request.
    pub fresh: bool,
    /// Another attempt at this origin failed already.
    pub was_stale: bool,
}

impl<S: Service, D: Downstream> RequestFlow<'_, S, D> {
    /// Whether the upgrade that the request asks for has a form in HTTP/2.
    fn asks_for_websocket(&self) -> bool {
        let bytes = self.client.head_bytes();
        let mut upgrades = self.head.fields.iter();
        upgrades.any(|field| {
            field.kind == FieldKind::Upgrade
                && field
                    .value
                    .of_buffer(bytes)
                    .eq_ignore_ascii_case(b"websocket")
        })
    }

    fn retire(&self, connection: &Identity, fetch: &S::Fetch) {
        if let Some(target) = self.head.target.as_ref() {
            shared::retire(connection, fetch.pool_key(), fetch.target(target));
        }
    }

    /// Takes a shared connection that is ready for another stream, or opens one.
    pub(super) async fn lease_shared(&mut self, fetch: &S::Fetch) -> Lease {
        let mut waited = false;
        loop {
            let Some(target) = self.head.target.as_ref() else {
                return Lease::Gone;
            };
            let (key, target) = (fetch.pool_key(), fetch.target(target).clone());
            let connection = match shared::turn(key, &target, waited) {
                Admission::Take(connection) => connection,
                Admission::Wait(other) => {
                    let (_, watch) = self.client.head_and_watch();
                    if unless_gone(watch, other).await.is_err() {
                        return Lease::Gone;
                    }
                    if fetch.protocol() != OriginProtocol::Http2 {
                        return Lease::Again;
                    }
                    waited = true;
                    continue;
                }
                Admission::Open(opening) => {
                    return match self.dial(fetch).await {
                        Lease::Open(origin) => self.share(origin, opening).await,
                        failed => failed,
                    };
                }
            };
            match self.ready(connection).await {
                Ok(Ok(connection)) => return Lease::Shared(Box::new(connection), false),
                Ok(Err((connection, _))) => shared::retire(&connection.identity(), key, &target),
                Err(_) => return Lease::Gone,
            }
        }
    }

    /// Starts HTTP/2 on a new connection, where its origin speaks it.
    pub(super) async fn share(&mut self, origin: Box<OriginConnection>, opening: Opening) -> Lease {
        if origin.connected.alpn != Some(Alpn::H2) {
            return Lease::Open(origin);
        }
        let (key, target) = (origin.key, origin.target.clone());
        let opened = match shared::open(origin.connected, opening).await {
            Ok(connection) => self.ready(connection).await,
            Err(error) => return Lease::Failed(self.no_http_2(&error), Failed::Other),
        };
        match opened {
            Ok(Ok(connection)) => Lease::Shared(Box::new(connection), true),
            Ok(Err((connection, error))) => {
                shared::retire(&connection.identity(), key, &target);
                Lease::Failed(self.no_http_2(&error), Failed::Other)
            }
            Err(_) => Lease::Gone,
        }
    }

    fn no_http_2(&self, error: &io::Error) -> OwnResponse {
        let text = format!("HTTP/2 with the server failed: {error}");
        self.service.failure(502, "bad response", text)
    }

    /// Waits until a connection takes another stream. The outer error: the client is gone.
    async fn ready(
        &mut self,
        mut connection: SharedConnection,
    ) -> io::Result<Result<SharedConnection, (SharedConnection, io::Error)>> {
        let limit = self.service.timeouts().response_header;
        let waiting = timeout(limit, poll_fn(|cx| connection.send.poll_ready(cx)));
        let (_, watch) = self.client.head_and_watch();
        let ready = unless_gone(watch, waiting).await?;
        Ok(match ready {
            Ok(Ok(())) => Ok(connection),
            Ok(Err(error)) => Err((connection, crate::h2::error::to_io(error))),
            Err(_) => Err((connection, io::ErrorKind::TimedOut.into())),
        })
    }

    /// Sends the request as a stream of a shared connection.
    pub(super) async fn exchange_shared(
        &mut self,
        leased: LeasedStream,
        fetch: &mut S::Fetch,
        traits: RequestTraits,
    ) -> Sent {
        // A login that belongs to a connection has no place on one that is shared.
        if traits.authenticates_connection
            && let Some(sent) = self.over_http1(fetch)
        {
            return sent;
        }
        let fits = !traits.upgrades
            || self.asks_for_websocket() && leased.connection.takes_websockets().await;
        if !fits {
            let text = "the server takes no such upgrade over HTTP/2 (RFC 8441)";
            return self
                .over_http1(fetch)
                .unwrap_or_else(|| self.no_form(fetch, "no upgrade", text));
        }
        let identity = leased.connection.identity();
        let Some(row) = self.row_of_shared(&leased, fetch) else {
            return Sent::Concluded(Fetched::Next(NextStep::Close));
        };
        let (fresh, was_stale) = (leased.fresh, leased.was_stale);
        let mut origin = match self.open_stream(*leased.connection, fetch) {
            Ok(origin) => origin,
            Err(StreamError::NoForm) => {
                let text = "the request has no form in HTTP/2";
                return self
                    .over_http1(fetch)
                    .unwrap_or_else(|| self.no_form(fetch, "bad request", text));
            }
            Err(StreamError::Connection(error)) => {
                self.end_row(row.at, CloseReason::Broken, &error.to_string());
                return self.repeat(&identity, fetch, !was_stale);
            }
        };
        self.observed.up_head += origin.head_size();
        let traits = RequestTraits {
            may_be_refused: true,
            ..traits
        };
        match self.attempt(&mut origin, row, fetch, traits).await {
            Outcome::Repeat => match origin.unprocessed() {
                Some(Unprocessed::NeedsHttp1) => self
                    .over_http1(fetch)
                    .unwrap_or_else(|| self.repeat(&identity, fetch, false)),
                Some(Unprocessed::Refused) if !was_stale => Sent::Repeat { to_same: true },
                _ => self.repeat(&identity, fetch, !fresh && !was_stale),
            },
            outcome => {
                // Its peer may be gone without a word: the next request must not wait for it too.
                if outcome.is_timeout() {
                    self.retire(&identity, fetch);
                }
                self.report(&outcome, fetch);
                Sent::Concluded(self.conclude_shared(outcome, origin, row.at).await)
            }
        }
    }

    /// The row of this client for the connection.
    fn row_of_shared(&mut self, leased: &LeasedStream, fetch: &S::Fetch) -> Option<Row> {
        let connected = leased.connection.connected.lock().ok()?;
        if leased.fresh {
            self.observed.dialed = Some(connected.timings);
        }
        self.row_of(fetch, &connected)
    }

    async fn conclude_shared(&mut self, outcome: Outcome, origin: H2Origin, row: usize) -> Fetched {
        match outcome {
            Outcome::Switched => Fetched::Next(self.switch(origin.into_tunnel(), row)),
            Outcome::Taken { keep_origin } => {
                self.pass_on(origin, keep_origin, drop);
                Fetched::Taken(row)
            }
            outcome => self.conclude(outcome, None, row).await,
        }
    }

    /// The request is not sent to this origin: not over HTTP/1 either.
    fn no_form(&self, fetch: &mut S::Fetch, reason: &'static str, text: &str) -> Sent {
        self.service.attempt_ended(fetch, Attempt::Abandoned);
        let response = self.service.failure(502, reason, text.to_owned());
        Sent::Concluded(Fetched::Failed(response, Failed::Other))
    }

    /// Has the request sent over HTTP/1 instead, where its origin speaks that too.
    fn over_http1(&self, fetch: &mut S::Fetch) -> Option<Sent> {
        fetch.use_http1().then_some(Sent::OverHttp1)
    }

    /// The request ended without a byte of a response, and the connection takes no more. `to_same`: as [`Sent::Repeat`] says.
    fn repeat(&self, connection: &Identity, fetch: &mut S::Fetch, to_same: bool) -> Sent {
        self.retire(connection, fetch);
        if !to_same {
            self.service.attempt_ended(fetch, Attempt::Failed);
        }
        Sent::Repeat { to_same }
    }

    fn open_stream(
        &mut self,
        connection: SharedConnection,
        fetch: &S::Fetch,
    ) -> Result<H2Origin, StreamError> {
        let target = self.head.target.as_ref().ok_or(StreamError::NoForm)?;
        if let Some(observer) = &mut self.observer
            && let Ok(connected) = connection.connected.lock()
        {
            observer.goes_by(&connected.route);
        }
        let rewrite = RequestRewrite {
            target,
            mode: fetch.header_mode(),
            proxy: None,
            site: fetch.site_request(),
            conditions: self.observer.as_ref().and_then(Observer::conditions),
            scanned: fetch.scanner().is_some(),
        };
        let bytes = self.client.head_bytes();
        H2Origin::send(connection, self.head, bytes, &rewrite, fetch.scheme())
    }
}
