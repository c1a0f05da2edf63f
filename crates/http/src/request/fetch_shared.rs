//! Sends a request to an origin that speaks HTTP/2: as a stream of a connection that requests share.

use std::future::poll_fn;
use std::io;

use privet_connection_log::CloseReason;
use tokio::time::{Instant, timeout};

use super::fetch::{Lease, Sent, traits_of};
use super::flow::{NextStep, RequestFlow, request};
use crate::exchange::downstream::unless_gone;
use crate::exchange::exchange::ExchangeState;
use crate::exchange::wait::Wait;
use crate::exchange::{Downstream, Exchange, Outcome, RequestTraits};
use crate::headers::request::RequestRewrite;
use crate::service::{Attempt, Fetch, OwnResponse, Service};
use crate::upstream::shared::{self, Opening, SharedConnection, Turn};
use crate::upstream::{H2Origin, OriginConnection};

/// A connection that takes the request, or why there is none.
enum SharedLease {
    Open(SharedConnection),
    Failed(OwnResponse),
    Gone,
}

impl<S: Service, D: Downstream> RequestFlow<'_, S, D> {
    pub(super) async fn fetch_shared(&mut self, mut fetch: S::Fetch) -> NextStep {
        if self.head.upgrades {
            let text = "this server speaks HTTP/2, to which no upgrade is passed on".to_owned();
            let response = self.service.failure(502, "no upgrade", text);
            return self.reply(response).await;
        }
        let traits = traits_of(self.head, self.client.head_bytes());
        loop {
            let connection = match self.lease_shared(&fetch).await {
                SharedLease::Open(connection) => connection,
                SharedLease::Gone => {
                    self.service.attempt_ended(&mut fetch, Attempt::Abandoned);
                    return NextStep::Close;
                }
                SharedLease::Failed(response) => {
                    self.service.attempt_ended(&mut fetch, Attempt::Unreachable);
                    if self.service.next_attempt(&mut fetch) {
                        continue;
                    }
                    return self.reply(response).await;
                }
            };
            match self.exchange_shared(connection, &mut fetch, traits).await {
                Sent::Concluded(next) => return next,
                Sent::Repeat if self.service.next_attempt(&mut fetch) => {}
                Sent::Repeat => {
                    let text = "the server closed the connection without an answer".to_owned();
                    let response = self.service.failure(502, "no response", text);
                    return self.reply(response).await;
                }
            }
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
                Turn::Take(connection) => (connection, false),
                Turn::Wait(other) => {
                    let (_, watch) = self.client.head_and_watch();
                    if unless_gone(watch, other).await.is_err() {
                        return SharedLease::Gone;
                    }
                    continue;
                }
                Turn::Open(opening) => match self.open_shared(fetch, opening).await {
                    SharedLease::Open(connection) => (connection, true),
                    failed => return failed,
                },
            };
            match self.ready(connection).await {
                Ok(Ok(connection)) => return SharedLease::Open(connection),
                Ok(Err((connection, error))) => {
                    shared::retire(&connection.connected, key, &target);
                    if fresh {
                        return SharedLease::Failed(self.no_http_2(&error));
                    }
                }
                Err(_) => return SharedLease::Gone,
            }
        }
    }

    async fn open_shared(&mut self, fetch: &S::Fetch, opening: Opening) -> SharedLease {
        match self.dial(fetch).await {
            Lease::Open(origin) => match shared::open(origin.connected, opening).await {
                Ok(connection) => SharedLease::Open(connection),
                Err(error) => SharedLease::Failed(self.no_http_2(&error)),
            },
            Lease::Failed(response) => SharedLease::Failed(response),
            Lease::Gone => SharedLease::Gone,
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
            Ok(Err(error)) => Err((connection, crate::h2::body::to_io(error))),
            Err(_) => Err((connection, io::ErrorKind::TimedOut.into())),
        })
    }

    async fn exchange_shared(
        &mut self,
        connection: SharedConnection,
        fetch: &mut S::Fetch,
        mut traits: RequestTraits,
    ) -> Sent {
        traits.through_proxy = false;
        let Some((row, new)) = self.row_of(&connection, fetch) else {
            return Sent::Concluded(NextStep::Close);
        };
        let mut origin = match self.open_stream(connection, fetch) {
            Ok(origin) => origin,
            Err(error) => {
                self.service.attempt_ended(fetch, Attempt::Failed);
                self.end_row(row, CloseReason::Broken, &error.to_string());
                return Sent::Repeat;
            }
        };
        self.observe(row);
        if !traits.may_repeat {
            self.client.release_head();
        }
        self.client.limit_body(fetch.max_request_body());
        let mut answered = None;
        let outcome = match self.live_connections.get(row) {
            Some(live) if live.row().cancelled().is_none() => {
                let exchange = Exchange {
                    client: self.client,
                    origin: &mut origin,
                    reply: self.reply,
                    live,
                    deadline: self.deadline,
                    wait: Wait::new(self.service.timeouts()),
                    traits,
                    style: fetch.response_style(),
                    observed: self.observed,
                    opened: new.then(Instant::now),
                    answered: S::RETRIES.then_some(&mut answered),
                    state: ExchangeState::new(traits),
                };
                exchange.run().await
            }
            _ => Outcome::Cancelled,
        };
        self.record_request(row, &outcome);
        let attempt = self.attempt(&outcome, answered);
        self.service.attempt_ended(fetch, attempt);
        if matches!(outcome, Outcome::Repeat) {
            return Sent::Repeat;
        }
        self.client.release_head();
        Sent::Concluded(self.conclude(outcome, None::<OriginConnection>, row).await)
    }

    fn open_stream(
        &mut self,
        connection: SharedConnection,
        fetch: &S::Fetch,
    ) -> io::Result<H2Origin> {
        let Some(target) = self.head.target.as_ref() else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let rewrite = RequestRewrite {
            target,
            mode: fetch.header_mode(),
            proxy: None,
            site: fetch.site_request(),
        };
        let bytes = self.client.head_bytes();
        H2Origin::send(connection, self.head, bytes, &rewrite, "http")
    }

    /// The row of this request, and whether it is new.
    fn row_of(&mut self, connection: &SharedConnection, fetch: &S::Fetch) -> Option<(usize, bool)> {
        let bytes = self.client.head_bytes();
        let request = request!(self, bytes)?;
        let service = self.service;
        let connected = connection.connected.lock().ok()?;
        let mut new = false;
        let row = self.live_connections.find_or_open(
            fetch.pool_key(),
            fetch.target(request.target),
            &connection.route,
            || {
                new = true;
                service.record(&request, fetch, &connected)
            },
        );
        Some((row, new))
    }
}
