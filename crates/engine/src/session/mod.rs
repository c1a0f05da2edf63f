//! One client connection from its first byte: detect the protocol, run its handshake, pass a tunnel to the relay.

pub mod detect;
pub(crate) mod https;
mod no_handshake;
pub(crate) mod pac;
pub(crate) mod site;
pub(crate) mod tunnel;

use std::cell::RefCell;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use privet_gateway::{Gateway, HandshakeOutcome, RefusedClient};
use privet_http::service::ConnectionInfo;
use privet_http::service::forward::Forward;
use privet_policy::{Listener, Protocol};
use privet_system::ProgramLookup;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::accept::connection_limit::ConnectionSlot;
use crate::accept::listener::ListenerKind;
use crate::accept::waiting_clients::WaitingClient;
use crate::gateway::EngineGateway;
use crate::session::detect::{ClientProtocol, detect};
use crate::shared::Shared;
use crate::socks;

/// Size of the per-thread buffer for the first read: a SOCKS greeting or a usual HTTP head fits.
const FIRST_READ: usize = 4096;
/// Room for what follows a SOCKS greeting, so that the buffer is not moved for it.
const SOCKS_MESSAGES: usize = 600;

/// An accepted client before its first read.
pub(crate) struct AcceptedClient {
    pub(crate) stream: TcpStream,
    pub(crate) peer: SocketAddr,
    /// The local address that it connected to.
    pub(crate) local: SocketAddr,
    pub(crate) listener: ListenerKind,
    pub(crate) program: ProgramLookup,
    pub(crate) waiting: WaitingClient,
}

/// Serves a client: the handshake, then the tunnel if it gets one.
pub(crate) fn serve(
    client: AcceptedClient,
    shared: Arc<Shared>,
    slot: ConnectionSlot,
) -> impl Future<Output = ()> + Send {
    Session::Handshake(Box::pin(handshake(client, shared, slot)))
}

/// A client's task. The handshake is boxed: its memory is freed before the relay, which takes its place, and the runtime,
/// which copies a task several times, copies the small one.
enum Session<H, R> {
    Handshake(Pin<Box<H>>),
    Relay(R),
}

impl<H, R> Future for Session<H, R>
where
    H: Future<Output = Option<R>>,
    R: Future<Output = ()> + Unpin,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let Self::Handshake(handshake) = &mut *self {
            match ready!(handshake.as_mut().poll(cx)) {
                Some(relay) => *self = Self::Relay(relay),
                None => return Poll::Ready(()),
            }
        }
        match &mut *self {
            Self::Relay(relay) => Pin::new(relay).poll(cx),
            Self::Handshake(_) => Poll::Ready(()),
        }
    }
}

/// Returns the relay, where the client gets a tunnel.
async fn handshake(
    client: AcceptedClient,
    shared: Arc<Shared>,
    mut slot: ConnectionSlot,
) -> Option<impl Future<Output = ()> + Send + Unpin> {
    let AcceptedClient {
        mut stream,
        peer,
        local,
        listener,
        program,
        waiting,
    } = client;
    let gateway = EngineGateway::new(shared, program, waiting.entry());
    let deadline = Instant::now() + gateway.handshake_timeout();
    if !gateway.count_connection(peer, local, &mut slot).await {
        return None;
    }
    let first = timeout_at(deadline, pin!(first_read(&mut stream)))
        .await
        .ok()??;
    let client = stream.into();
    let outcome = match (
        detect(&first),
        socks_listener(listener),
        http_listener(listener),
    ) {
        (Some(ClientProtocol::Socks4 | ClientProtocol::Socks5), Some(listener), _) => {
            socks::serve(client, first, deadline, local, peer, listener, &gateway).await
        }
        (Some(ClientProtocol::Http), _, Some(listener)) => {
            let deadline = Instant::now() + gateway.http_timeouts().request_header;
            let info = ConnectionInfo { local, peer };
            let service = Forward { gateway, listener };
            privet_http::serve(client, &first, deadline, info, service).await
        }
        (_, socks, http) => {
            if let Some(listener) = http.or(socks) {
                let refused = RefusedClient {
                    listener,
                    peer,
                    local,
                    protocol: http.map_or(Protocol::Socks5, |_| Protocol::Http),
                    user: None,
                };
                gateway.await_program().await;
                refused.record(&gateway, detect::unsupported(&first));
            }
            return None;
        }
    };
    relay_of(outcome, slot)
}

/// The relay of a tunnel.
fn relay_of(
    outcome: HandshakeOutcome,
    slot: ConnectionSlot,
) -> Option<impl Future<Output = ()> + Send + Unpin> {
    match outcome {
        HandshakeOutcome::Tunnel {
            client,
            preread,
            connected,
            live,
        } => Some(tunnel::relay(client, preread, connected, live, slot)),
        HandshakeOutcome::Inspect {
            client,
            preread,
            inspector,
        } => {
            drop(tokio::spawn(async move {
                inspector(client, preread).await;
                drop(slot);
            }));
            None
        }
        HandshakeOutcome::Done => None,
    }
}

/// Reads the first bytes of the client; `None`: it closed or reset the connection.
async fn first_read(client: &mut TcpStream) -> Option<BytesMut> {
    thread_local!(static BUFFER: RefCell<[u8; FIRST_READ]> = const { RefCell::new([0; FIRST_READ]) });
    // Not `try_read`: after a read that left room the runtime would still take the socket for readable, and the next read
    // would be made in vain.
    poll_fn(|cx| {
        BUFFER.with_borrow_mut(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            let read = ready!(Pin::new(&mut *client).poll_read(cx, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                return Poll::Ready(None);
            }
            let mut first = BytesMut::with_capacity(SOCKS_MESSAGES.max(buffer.filled().len()));
            first.extend_from_slice(buffer.filled());
            Poll::Ready(Some(first))
        })
    })
    .await
}

/// The listener in the policy's terms, if it accepts SOCKS.
fn socks_listener(kind: ListenerKind) -> Option<Listener> {
    match kind {
        ListenerKind::Mixed => Some(Listener::Mixed),
        ListenerKind::Socks => Some(Listener::Socks),
        ListenerKind::Http | ListenerKind::Https | ListenerKind::Pac | ListenerKind::Site => None,
    }
}

/// The listener in the policy's terms, if it accepts HTTP.
fn http_listener(kind: ListenerKind) -> Option<Listener> {
    match kind {
        ListenerKind::Mixed => Some(Listener::Mixed),
        ListenerKind::Http => Some(Listener::Http),
        ListenerKind::Https => Some(Listener::Https),
        ListenerKind::Socks | ListenerKind::Pac | ListenerKind::Site => None,
    }
}
