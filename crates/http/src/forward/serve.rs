//! The loop of one client connection: a head, its response, the next head, until it becomes a tunnel or ends.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use privet_connection_log::{CloseReason, LiveConnection};
use privet_net::Connected;
use privet_net::Stream;
use privet_policy::{Listener, Protocol};
use tokio::time::Instant;

use super::deadline::Deadline;
use super::live_connections::LiveConnections;
use super::pinned::PinnedOrigins;
use super::reject;
use super::request_context::{ConnectionInfo, consume};
use super::scratch::PooledScratch;
use crate::body::Buffer;
use crate::head::BadRequest;
use crate::proxy_auth::ProxyAuth;
use privet_gateway::{Gateway, HandshakeOutcome, RefusedClient};

/// Serves one client connection. `first`: the bytes that were read already. `local`: the address that the client
/// connected to.
///
/// The first head has to be complete by `deadline`; later ones within [`privet_gateway::HttpTimeouts::request_header`] of
/// their first byte.
pub fn serve<'a, R: Gateway>(
    client: Stream,
    first: &[u8],
    deadline: Instant,
    local: SocketAddr,
    peer: SocketAddr,
    listener: Listener,
    gateway: &'a R,
) -> impl Future<Output = HandshakeOutcome> + Send + use<'a, R> {
    let mut inbound = Buffer::small();
    let all = inbound.append(first) == first.len();
    let connection = Connection {
        client,
        gateway,
        info: ConnectionInfo {
            local,
            peer,
            listener,
        },
        inbound: Some(inbound),
        scratch: PooledScratch::none(),
        live_connections: LiveConnections::default(),
        pinned: PinnedOrigins::default(),
        deadline: Deadline::at(deadline),
        head_wait: HeadWait::Head,
        head_bytes: HeadBytes::Consumed,
        proxy_auth: ProxyAuth::default(),
        user: None,
    };
    Box::pin(async move {
        if all {
            connection.run().await
        } else {
            HandshakeOutcome::Done
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

/// Where the bytes of the current request's head are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum HeadBytes {
    /// At the start of `inbound`.
    Buffered,
    Consumed,
}

pub(super) struct Connection<'a, R> {
    pub client: Stream,
    pub gateway: &'a R,
    pub info: ConnectionInfo,
    /// Bytes of the client that were read and not used yet.
    pub inbound: Option<Buffer>,
    pub scratch: PooledScratch,
    pub live_connections: LiveConnections,
    pub pinned: PinnedOrigins,
    pub deadline: Deadline,
    head_wait: HeadWait,
    head_bytes: HeadBytes,
    pub proxy_auth: ProxyAuth,
    pub user: Option<Arc<str>>,
}

/// What follows a response.
pub(super) enum NextStep {
    Request,
    Close,
    /// Close, after reading what the client may still be sending.
    Linger,
    Tunnel {
        preread: Bytes,
        connected: Box<Connected>,
        live: LiveConnection,
    },
}

impl<R: Gateway> Connection<'_, R> {
    async fn run(mut self) -> HandshakeOutcome {
        loop {
            self.gateway.awaits_request();
            let next = match poll_fn(|cx| self.poll_head(cx)).await {
                Ok(true) => {
                    self.gateway.request_arrived();
                    self.head_bytes = HeadBytes::Buffered;
                    self.answer().await
                }
                Ok(false) => NextStep::Close,
                Err(bad) => {
                    let refused = RefusedClient {
                        listener: self.info.listener,
                        peer: self.info.peer,
                        local: self.info.local,
                        protocol: Protocol::Http,
                        user: self.user.as_ref(),
                    };
                    refused.record(self.gateway, bad.to_string());
                    reject::send(&mut self.client, &reject::bad_request(bad)).await;
                    NextStep::Linger
                }
            };
            match next {
                NextStep::Request => self.head_wait = HeadWait::Unset,
                NextStep::Close => return HandshakeOutcome::Done,
                NextStep::Linger => {
                    self.inbound = None;
                    self.scratch.give_back();
                    reject::linger(self.client).await;
                    return HandshakeOutcome::Done;
                }
                NextStep::Tunnel {
                    preread,
                    connected,
                    live,
                } => {
                    return HandshakeOutcome::Tunnel {
                        client: self.client,
                        preread,
                        connected: *connected,
                        live,
                    };
                }
            }
        }
    }

    /// Removes the current request's head from `inbound`, unless that was done before.
    pub(super) fn consume_head(&mut self) {
        if self.head_bytes == HeadBytes::Buffered {
            self.head_bytes = HeadBytes::Consumed;
            let len = self.scratch.get().head.len;
            consume(&mut self.inbound, len);
        }
    }

    /// Waits for a complete head. `false`: the client closed, or the idle timeout passed.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, BadRequest>> {
        loop {
            if let Some(buffer) = &self.inbound
                && !buffer.is_empty()
            {
                let scratch = self.scratch.get();
                if scratch.head.parse(buffer.filled(), &mut scratch.scan)? {
                    return Poll::Ready(Ok(true));
                }
                if self.head_wait != HeadWait::Head {
                    self.head_wait = HeadWait::Head;
                    self.deadline
                        .set(self.gateway.http_timeouts().request_header);
                }
            }
            let buffer = self.inbound.get_or_insert_with(Buffer::small);
            match buffer.poll_fill(cx, &mut self.client) {
                Poll::Ready(Ok(count)) if count > 0 => {}
                Poll::Ready(_) => return Poll::Ready(Ok(false)),
                Poll::Pending if buffer.is_empty() => {
                    self.inbound = None;
                    self.scratch.give_back();
                    break;
                }
                Poll::Pending => break,
            }
        }
        if self.head_wait == HeadWait::Unset {
            self.head_wait = HeadWait::Idle;
            self.deadline.set(self.gateway.http_timeouts().idle);
        }
        if self.live_connections.poll_cancelled(cx).is_ready() {
            return Poll::Ready(Ok(false));
        }
        match self.deadline.poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) if self.inbound.is_some() => Poll::Ready(Err(BadRequest::Timeout)),
            Poll::Ready(()) => {
                self.live_connections.end(CloseReason::Idle, None);
                Poll::Ready(Ok(false))
            }
        }
    }
}
