//! Accepts the streams of one client connection and runs the request of each.

use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use h2::server::{Builder, Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::request::Parts;
use privet_connection_log::LiveConnection;
use privet_net::{Connected, Stream};
use tokio::time::timeout;

use super::client::H2Client;
use super::guarded::Guarded;
use super::held_heads::HeldHeads;
use super::request::head_text;
use super::send::SendBudget;
use super::wire::{Wire, sending};
use crate::exchange::{Deadline, Downstream};
use crate::h1::pooled::Pooled;
use crate::head::scan::Scan;
use crate::head::{BadRequest, RequestHead, TargetRule};
use crate::request::client_state::ClientState;
use crate::request::scratch::Scratch;
use crate::request::{NextStep, RequestFlow};
use crate::respond::reject;
use crate::service::{ConnectionInfo, Service, Session};
use crate::turn::{self, Turns};

/// Streams that a client may have open at once. What they hold is bounded for the connection: heads by [`HeldHeads`], bodies
/// that were received by [`CONNECTION_WINDOW`], bodies that wait to be sent by [`SendBudget`].
const MAX_STREAMS: u32 = 1024;
/// Bytes of fields in one head, as in HTTP/1.
const MAX_FIELDS_SIZE: u32 = 64 * 1024;
/// Bytes of bodies that are held for one stream and for one connection until they are passed on.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Bytes of one response that wait to be written to the socket.
const SEND_BUFFER: usize = 64 * 1024;
/// Streams that the client reset before they were accepted.
const MAX_PENDING_RESETS: usize = 64;
/// Streams that were reset for an error of the client, in the life of a connection.
const MAX_ERROR_RESETS: usize = 256;
/// How long streams may take to end once the connection is being closed.
const CLOSING: Duration = Duration::from_secs(10);

/// Relays tunnels: what the HTTP crate leaves to its user.
pub trait Tunnels: Clone + Send + Sync + 'static {
    /// Relays to the end and records it.
    fn relay(
        &self,
        client: Stream,
        connected: Connected,
        live: LiveConnection,
    ) -> impl Future<Output = ()> + Send;
}

/// Serves one client connection. `first`: the bytes that were read already.
///
/// The connection preface has to be complete within [`privet_gateway::HttpTimeouts::request_header`]; a connection without
/// streams is closed after [`privet_gateway::HttpTimeouts::idle`], or earlier where it has to make room. Once the program
/// stops, no more streams are accepted, and those that run go on.
pub fn serve<S: Service, T: Tunnels>(
    client: Stream,
    first: Bytes,
    info: ConnectionInfo,
    service: S,
    tunnels: T,
) -> impl Future<Output = ()> + Send {
    Turns::new(serve_streams(client, first, info, service, tunnels))
}

async fn serve_streams<S: Service, T: Tunnels>(
    client: Stream,
    first: Bytes,
    info: ConnectionInfo,
    service: S,
    tunnels: T,
) {
    service.awaits_request();
    let timeouts = service.timeouts();
    let wire = Wire::new(client);
    let handshake = builder().handshake::<_, Bytes>(Guarded::new(first, wire.clone()));
    let handshake = sending(&wire, handshake);
    let Ok(Ok(mut connection)) = timeout(timeouts.request_header, handshake).await else {
        return;
    };
    let shared = Shared {
        info,
        service,
        tunnels,
        free: Mutex::default(),
        heads: HeldHeads::default(),
        budget: SendBudget::default(),
    };
    let mut stopping = std::pin::pin!(shared.service.stopping());
    let mut streams = Streams {
        running: FuturesUnordered::new(),
        waits: true,
        closing: false,
        deadline: Deadline::at(turn::now() + timeouts.idle),
    };
    // A panic ends its own stream only.
    let start = |request, respond| AssertUnwindSafe(run(&shared, request, respond)).catch_unwind();
    let serving = poll_fn(|cx| {
        if !streams.closing && stopping.as_mut().poll(cx).is_ready() {
            streams.close(&mut connection);
        }
        let ended = streams.poll(cx, &mut connection, &shared, start);
        shared.poll_free(cx);
        if ended.is_pending() && streams.poll_limit(cx).is_ready() {
            if streams.closing {
                return Poll::Ready(());
            }
            streams.close(&mut connection);
            cx.waker().wake_by_ref();
        }
        ended
    });
    sending(&wire, serving).await;
}

/// The streams that run. They are part of the connection's task, so that what they send goes out together and none has to
/// wake another task.
struct Streams<F> {
    running: FuturesUnordered<F>,
    /// No request has arrived since the last one ended.
    waits: bool,
    closing: bool,
    /// Of a connection without streams, or of one that is being closed.
    deadline: Deadline,
}

impl<F: Future> Streams<F> {
    /// Runs the streams and accepts more, until all wait. Ready once the connection has ended.
    fn poll<S: Service, T>(
        &mut self,
        cx: &mut Context<'_>,
        connection: &mut Connection<Guarded, Bytes>,
        shared: &Shared<S, T>,
        start: impl Fn(http::Request<RecvStream>, SendResponse<Bytes>) -> F,
    ) -> Poll<()> {
        loop {
            while let Poll::Ready(Some(_)) = self.running.poll_next_unpin(cx) {
                self.stream_ended(shared);
            }
            let before = self.running.len();
            while let Poll::Ready(accepted) = connection.poll_accept(cx) {
                match accepted {
                    Some(Ok((request, respond))) => {
                        if std::mem::take(&mut self.waits) {
                            shared.service.request_arrived();
                        }
                        self.running.push(start(request, respond));
                    }
                    Some(Err(error)) => {
                        tracing::debug!(peer = %shared.info.peer, %error, "HTTP/2 connection ended");
                        return Poll::Ready(());
                    }
                    None => return Poll::Ready(()),
                }
            }
            if self.running.len() == before {
                return Poll::Pending;
            }
        }
    }

    fn stream_ended<S: Service, T>(&mut self, shared: &Shared<S, T>) {
        self.deadline.set(match self.closing {
            true => CLOSING,
            false => shared.service.timeouts().idle,
        });
        if self.running.is_empty() && !self.waits {
            self.waits = true;
            shared.service.awaits_request();
        }
    }

    fn close(&mut self, connection: &mut Connection<Guarded, Bytes>) {
        self.closing = true;
        self.deadline.set(CLOSING);
        connection.graceful_shutdown();
    }

    fn poll_limit(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.closing || self.running.is_empty() {
            true => self.deadline.poll(cx),
            false => Poll::Pending,
        }
    }
}

fn builder() -> Builder {
    let mut builder = h2::server::Builder::new();
    builder
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_FIELDS_SIZE)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buffer_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        .max_local_error_reset_streams(Some(MAX_ERROR_RESETS))
        .enable_connect_protocol();
    builder
}

struct Shared<S, T> {
    info: ConnectionInfo,
    service: S,
    tunnels: T,
    /// What ended streams left for later ones: rows stay open, and each is used by one stream at a time, so that closing a row
    /// resets that stream only.
    free: Mutex<Vec<ClientState>>,
    heads: HeldHeads,
    budget: SendBudget,
}

impl<S: Service, T> Shared<S, T> {
    fn take_state(&self) -> ClientState {
        let free = self.free.lock().ok().and_then(|mut free| free.pop());
        free.unwrap_or_else(|| ClientState::new(Session::default(), Deadline::at(turn::now())))
    }

    fn give_back(&self, state: ClientState) {
        if let Ok(mut free) = self.free.lock() {
            free.push(state);
        }
    }

    /// Closes rows that no stream uses once they are asked to close.
    fn poll_free(&self, cx: &mut Context<'_>) {
        if let Ok(mut free) = self.free.lock() {
            for state in free.iter_mut() {
                state.live_connections.poll_drop_cancelled(cx);
            }
        }
    }
}

/// Runs the request of one stream.
async fn run<S: Service, T: Tunnels>(
    shared: &Shared<S, T>,
    request: http::Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
) {
    let mut state = shared.take_state();
    state.deadline.set(shared.service.timeouts().idle);
    let (parts, recv) = request.into_parts();
    let targets = shared.service.targets();
    let text = text_of(parts, recv.is_end_stream(), targets);
    let Some(_held) = shared.heads.hold(text.as_ref().map_or(0, Vec::len)) else {
        // Nothing was done for it: the client may send it again (RFC 9113 section 8.7).
        return respond.send_reset(Reason::REFUSED_STREAM);
    };
    let mut scratch = Pooled::<Scratch>::none();
    let parsed = scratch.get();
    let text = match text.and_then(|text| parse(&mut parsed.head, text, targets)) {
        Ok(text) => text,
        Err(bad) => {
            let client = H2Client::new(Vec::new(), recv, respond, shared.budget.clone());
            return refuse(shared, &state.session, client, bad).await;
        }
    };
    let mut client = H2Client::new(text, recv, respond, shared.budget.clone());
    if !parsed.head.has_body() {
        client.without_body();
    }
    let flow = RequestFlow::new(
        &shared.service,
        shared.info,
        &mut client,
        parsed,
        &mut state,
    );
    let next = flow.run().await;
    drop(scratch);
    shared.give_back(state);
    pass_on(next, client, &shared.tunnels).await;
}

/// Runs what the stream has become.
async fn pass_on<T: Tunnels>(next: NextStep, client: H2Client, tunnels: &T) {
    match next {
        NextStep::Tunnel {
            connected, live, ..
        } => {
            if let Some(client) = client.into_stream() {
                tunnels.relay(client, *connected, live).await;
            }
        }
        NextStep::Inspect { preread, inspector } => {
            if let Some(client) = client.into_stream() {
                inspector(client, preread).await;
            }
        }
        NextStep::Request | NextStep::Close | NextStep::Linger => {}
    }
}

fn text_of(parts: Parts, ended: bool, rule: TargetRule) -> Result<Vec<u8>, BadRequest> {
    let protocol = parts.extensions.get::<h2::ext::Protocol>();
    head_text(&parts, protocol.map(h2::ext::Protocol::as_str), ended, rule)
}

/// Checks a head by the parser of HTTP/1.
fn parse(head: &mut RequestHead, text: Vec<u8>, rule: TargetRule) -> Result<Vec<u8>, BadRequest> {
    match head.parse(&text, &mut Scan::default(), rule)? {
        true => Ok(text),
        false => Err(BadRequest::RequestLine),
    }
}

async fn refuse<S: Service, T>(
    shared: &Shared<S, T>,
    session: &Session,
    mut client: H2Client,
    bad: BadRequest,
) {
    shared
        .service
        .record_malformed(session, shared.info, bad.to_string())
        .await;
    client.send(&reject::bad_request(bad, S::IS_PUBLIC)).await;
}
