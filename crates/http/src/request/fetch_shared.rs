//! Sends a request to an origin that speaks HTTP/2: as a stream of a connection that requests share.

use std::future::poll_fn;
use std::io;

use privet_connection_log::CloseReason;
use tokio::time::timeout;

use super::fetch::traits_of;
use super::fetched::{Failed, Fetched, Lease, Sent};
use super::flow::{NextStep, RequestFlow};
use crate::cache::observer::Observer;
use crate::exchange::downstream::unless_gone;
use crate::exchange::{Downstream, Outcome, RequestTraits};
use crate::head::{FieldKind, Scheme};
use crate::headers::request::RequestRewrite;
use crate::service::{Attempt, Fetch, OwnResponse, Service};
use crate::upstream::H2Origin;
use crate::upstream::shared::{self, Admission, Opening, SharedConnected, SharedConnection};

/// A connection that takes the request, or why there is none.
enum SharedLease {
    /// The flag: it was opened for this request.
    Open(SharedConnection, bool),
    Failed(OwnResponse, Failed),
    Gone,
}

impl<S: Service, D: Downstream> RequestFlow<'_, S, D> {
    pub(super) async fn fetch_shared(&mut self, fetch: &mut S::Fetch) -> Fetched {
        let traits = traits_of(self.head, self.client.head_bytes());
        let mut was_stale = false;
        loop {
            let (connection, fresh) = match self.lease_shared(fetch).await {
                SharedLease::Open(connection, fresh) => (connection, fresh),
                SharedLease::Gone => {
                    self.service.attempt_ended(fetch, Attempt::Abandoned);
                    return Fetched::Next(NextStep::Close);
                }
                SharedLease::Failed(response, failed) => {
                    self.service.attempt_ended(fetch, Attempt::Unreachable);
                    if self.service.next_attempt(fetch) {
                        continue;
                    }
                    return Fetched::Failed(response, failed);
                }
            };
            let fits = !self.head.upgrades
                || self.asks_for_websocket() && connection.takes_websockets().await;
            if !fits {
                self.service.attempt_ended(fetch, Attempt::Abandoned);
                let text = "the server takes no such upgrade over HTTP/2 (RFC 8441)".to_owned();
                let response = self.service.failure(502, "no upgrade", text);
                return Fetched::Failed(response, Failed::Other);
            }
            let facts = connection.connected.clone();
            match self.exchange_shared(connection, fresh, fetch, traits).await {
                Sent::Concluded(fetched) => return fetched,
                // The shared connection was stale: another one is tried, once.
                Sent::Repeat if !fresh && !was_stale => {
                    was_stale = true;
                    self.retire(&facts, fetch);
                }
                Sent::Repeat => {
                    self.service.attempt_ended(fetch, Attempt::Failed);
                    if !self.service.next_attempt(fetch) {
                        return self.no_answer();
                    }
                }
            }
        }
    }

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

    fn retire(&self, connected: &SharedConnected, fetch: &S::Fetch) {
        if let Some(target) = self.head.target.as_ref() {
            shared::retire(connected, fetch.pool_key(), fetch.target(target));
        }
    }

    /// Takes a shared connection that is ready for another stream, or opens one.
    async fn lease_shared(&mut self, fetch: &S::Fetch) -> SharedLease {
        loop {
            let Some(target) = self.head.target.as_ref() else {
                return SharedLease::Gone;
            };
            let (key, target) = (fetch.pool_key(), fetch.target(target).clone());
            let (connection, fresh) = match shared::turn(key, &target) {
                Admission::Take(connection) => (connection, false),
                Admission::Wait(other) => {
                    let (_, watch) = self.client.head_and_watch();
                    if unless_gone(watch, other).await.is_err() {
                        return SharedLease::Gone;
                    }
                    continue;
                }
                Admission::Open(opening) => match self.open_shared(fetch, opening).await {
                    Ok(connection) => (connection, true),
                    Err(failed) => return failed,
                },
            };
            match self.ready(connection).await {
                Ok(Ok(connection)) => return SharedLease::Open(connection, fresh),
                Ok(Err((connection, error))) => {
                    shared::retire(&connection.connected, key, &target);
                    if fresh {
                        return SharedLease::Failed(self.no_http_2(&error), Failed::Other);
                    }
                }
                Err(_) => return SharedLease::Gone,
            }
        }
    }

    async fn open_shared(
        &mut self,
        fetch: &S::Fetch,
        opening: Opening,
    ) -> Result<SharedConnection, SharedLease> {
        match self.dial(fetch).await {
            Lease::Open(origin) => shared::open(origin.connected, opening)
                .await
                .map_err(|error| SharedLease::Failed(self.no_http_2(&error), Failed::Other)),
            Lease::Failed(response, failed) => Err(SharedLease::Failed(response, failed)),
            Lease::Gone => Err(SharedLease::Gone),
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

    async fn exchange_shared(
        &mut self,
        connection: SharedConnection,
        fresh: bool,
        fetch: &mut S::Fetch,
        traits: RequestTraits,
    ) -> Sent {
        let row = match connection.connected.lock() {
            Ok(connected) => {
                if fresh {
                    self.observed.dialed = Some(connected.timings);
                }
                self.row_of(fetch, &connected)
            }
            Err(_) => None,
        };
        let Some(row) = row else {
            return Sent::Concluded(Fetched::Next(NextStep::Close));
        };
        let mut origin = match self.open_stream(connection, fetch) {
            Ok(origin) => origin,
            Err(error) => {
                self.end_row(row.at, CloseReason::Broken, &error.to_string());
                return Sent::Repeat;
            }
        };
        self.observed.up_head += origin.head_size();
        match self.attempt(&mut origin, row, fetch, traits).await {
            Outcome::Repeat => Sent::Repeat,
            Outcome::Switched => {
                self.report(&Outcome::Switched, fetch);
                let next = self.switch(origin.into_tunnel(), row.at);
                Sent::Concluded(Fetched::Next(next))
            }
            outcome => {
                self.report(&outcome, fetch);
                if let Outcome::Taken { keep_origin } = outcome {
                    self.pass_on(origin, keep_origin, drop);
                    return Sent::Concluded(Fetched::Taken(row.at));
                }
                Sent::Concluded(self.conclude(outcome, None, row.at).await)
            }
        }
    }

    fn open_stream(
        &mut self,
        connection: SharedConnection,
        fetch: &S::Fetch,
    ) -> io::Result<H2Origin> {
        let Some(target) = self.head.target.as_ref() else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
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
        let scheme = match self.head.scheme {
            Scheme::Https => "https",
            _ => "http",
        };
        H2Origin::send(connection, self.head, bytes, &rewrite, scheme)
    }
}
