//! The loop of one client connection: a head, its response, the next head, until it becomes a tunnel or ends.

use std::future::poll_fn;
use std::task::{Context, Poll};

use privet_connection_log::CloseReason;
use privet_gateway::HandshakeOutcome;
use privet_net::Stream;
use tokio::time::Instant;

use super::client::{H1Client, send};
use super::linger::linger;
use super::pooled::Pooled;
use crate::body::Buffer;
use crate::exchange::Deadline;
use crate::head::BadRequest;
use crate::request::client_state::ClientState;
use crate::request::scratch::Scratch;
use crate::request::{NextStep, RequestFlow};
use crate::respond::reject;
use crate::service::{ConnectionInfo, Service, Session};
use crate::turn::Turns;

/// Serves one client connection. `first`: the bytes that were read already.
///
/// The first head has to be complete by `deadline`; later ones within [`privet_gateway::HttpTimeouts::request_header`] of their first byte.
pub fn serve<S: Service>(
    client: Stream,
    first: &[u8],
    deadline: Instant,
    info: ConnectionInfo,
    service: S,
) -> impl Future<Output = HandshakeOutcome> + Send + use<S> {
    if !first.is_empty() {
        service.request_begun();
    }
    let mut inbound = Buffer::small();
    let all = inbound.append(first) == first.len();
    let mut connection = Connection {
        client: H1Client::new(client, inbound),
        service,
        info,
        scratch: Pooled::none(),
        state: ClientState::new(Session::default(), Deadline::at(deadline)),
        head_wait: HeadWait::Head,
    };
    Turns::new(async move {
        if !all {
            return HandshakeOutcome::Done;
        }
        // By reference: passed on by value it would have its room twice.
        let next = connection.run().await;
        let mut client = connection.client;
        match next {
            NextStep::Request | NextStep::Close => HandshakeOutcome::Done,
            NextStep::Linger => {
                client.rest();
                connection.scratch.give_back();
                Box::pin(linger(client.stream)).await;
                HandshakeOutcome::Done
            }
            NextStep::Inspect { preread, inspector } => HandshakeOutcome::Inspect {
                client: client.stream,
                preread,
                inspector,
            },
            NextStep::Tunnel {
                preread,
                connected,
                live,
            } => HandshakeOutcome::Tunnel {
                client: client.stream,
                preread,
                connected: *connected,
                live,
            },
        }
    })
}

/// What the deadline limits while a head is awaited.
#[derive(Clone, Copy, PartialEq, Eq)]
enum HeadWait {
    /// Not set yet.
    Unset,
    /// The wait for the first byte of the next request.
    Idle,
    /// The whole head.
    Head,
}

struct Connection<S> {
    client: H1Client,
    service: S,
    info: ConnectionInfo,
    scratch: Pooled<Scratch>,
    state: ClientState,
    head_wait: HeadWait,
}

impl<S: Service> Connection<S> {
    /// Responds to requests until something else follows.
    async fn run(&mut self) -> NextStep {
        loop {
            self.service.awaits_request();
            // Boxed, so that a connection that waits for a request is small.
            let next = match poll_fn(|cx| self.poll_head(cx)).await {
                Ok(true) => {
                    self.service.request_arrived();
                    Box::pin(self.respond()).await
                }
                Ok(false) => NextStep::Close,
                Err(bad) => Box::pin(self.refuse(bad)).await,
            };
            match next {
                NextStep::Request => self.head_wait = HeadWait::Unset,
                next => return next,
            }
        }
    }

    async fn refuse(&mut self, bad: BadRequest) -> NextStep {
        let fault = bad.to_string();
        let service = &self.service;
        service
            .record_malformed(&self.state.session, self.info, fault)
            .await;
        let page = reject::bad_request(bad, S::IS_PUBLIC);
        send(&mut self.client.stream, &page).await;
        NextStep::Linger
    }

    /// Responds to the request whose head is at the start of `inbound`.
    async fn respond(&mut self) -> NextStep {
        let scratch = self.scratch.get();
        self.client.start(scratch.head.len, scratch.head.body);
        let flow = RequestFlow::new(
            &self.service,
            self.info,
            &mut self.client,
            scratch,
            &mut self.state,
        );
        flow.run().await
    }

    /// Waits for a complete head. `false`: the client closed, or the idle timeout passed.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, BadRequest>> {
        loop {
            if let Some(buffer) = &self.client.inbound
                && !buffer.is_empty()
            {
                let scratch = self.scratch.get();
                if scratch
                    .head
                    .parse(buffer.filled(), &mut scratch.scan, self.service.targets())?
                {
                    return Poll::Ready(Ok(true));
                }
                if self.head_wait != HeadWait::Head {
                    self.head_wait = HeadWait::Head;
                    self.service.request_begun();
                    self.state
                        .deadline
                        .set(self.service.timeouts().request_header);
                }
            }
            let buffer = self.client.inbound.get_or_insert_with(Buffer::small);
            match buffer.poll_fill(cx, &mut self.client.stream) {
                Poll::Ready(Ok(count)) if count > 0 => {}
                Poll::Ready(_) => return Poll::Ready(Ok(false)),
                Poll::Pending if buffer.is_empty() => {
                    self.client.rest();
                    self.scratch.give_back();
                    break;
                }
                Poll::Pending => break,
            }
        }
        if self.head_wait == HeadWait::Unset {
            self.head_wait = HeadWait::Idle;
            self.state.deadline.set(self.service.timeouts().idle);
        }
        if self.state.live_connections.poll_cancelled(cx).is_ready() {
            return Poll::Ready(Ok(false));
        }
        match self.state.deadline.poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) if self.client.inbound.is_some() => {
                Poll::Ready(Err(BadRequest::Timeout))
            }
            Poll::Ready(()) => {
                self.state.live_connections.end(CloseReason::Idle, None);
                Poll::Ready(Ok(false))
            }
        }
    }
}
