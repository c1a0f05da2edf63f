//! One client connection from its first byte: detect the protocol, run its handshake, pass a tunnel to the relay.

pub mod detect;
pub(crate) mod https;
pub(crate) mod pac;
pub(crate) mod site;
mod tunnel;

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use privet_gateway::{Gateway, HandshakeOutcome};
use privet_http::service::ConnectionInfo;
use privet_http::service::forward::Forward;
use privet_policy::Listener;
use privet_system::ProgramLookup;
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

/// Runs the handshake. A tunnel becomes a separate task, so that the memory of the handshake is freed.
pub(crate) async fn serve(client: AcceptedClient, shared: Arc<Shared>, mut slot: ConnectionSlot) {
    let AcceptedClient {
        stream,
        peer,
        local,
        listener,
        program,
        waiting,
    } = client;
    let gateway = EngineGateway::new(shared, program, waiting.entry());
    let deadline = Instant::now() + gateway.handshake_timeout();
    if !gateway.count_connection(peer, local, &mut slot).await {
        return;
    }
    let Ok(Some(first)) = timeout_at(deadline, first_read(&stream)).await else {
        return;
    };
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
        _ => return,
    };
    hand_over(outcome, slot);
}

/// Passes a tunnel to the relay.
fn hand_over(outcome: HandshakeOutcome, slot: ConnectionSlot) {
    if let HandshakeOutcome::Tunnel {
        client,
        preread,
        connected,
        live,
    } = outcome
    {
        drop(tokio::spawn(tunnel::relay(
            client, preread, connected, live, slot,
        )));
    }
}

/// Reads the first bytes of the client; `None`: it closed or reset the connection.
async fn first_read(client: &TcpStream) -> Option<Bytes> {
    thread_local!(static BUFFER: RefCell<[u8; FIRST_READ]> = const { RefCell::new([0; FIRST_READ]) });
    loop {
        client.readable().await.ok()?;
        let read = BUFFER.with_borrow_mut(|buffer| {
            let len = client.try_read(buffer)?;
            Ok::<_, io::Error>(Bytes::copy_from_slice(
                buffer.get(..len).unwrap_or_default(),
            ))
        });
        match read {
            Ok(first) => return (!first.is_empty()).then_some(first),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return None,
        }
    }
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
