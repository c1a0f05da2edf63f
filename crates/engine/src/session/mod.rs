//! One client connection from its first byte: detect the protocol, run its handshake, hand a tunnel to the relay.

pub mod detect;
pub(crate) mod pac;
mod tunnel;

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use privet_gateway::{Gateway, HandshakeOutcome};
use privet_policy::Listener;
use privet_system::ProgramLookup;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::accept::connection_limit::ConnectionSlot;
use crate::accept::listener::ListenerKind;
use crate::gateway::EngineGateway;
use crate::session::detect::{ClientProtocol, detect};
use crate::shared::Shared;
use crate::socks;

/// The buffer, one a thread, for what a client sends first: a SOCKS greeting or a usual HTTP head.
const FIRST_READ: usize = 4096;

/// A client that was accepted and has not been read from.
pub(crate) struct AcceptedClient {
    pub(crate) stream: TcpStream,
    pub(crate) peer: SocketAddr,
    /// The address of ours that it connected to.
    pub(crate) local: SocketAddr,
    pub(crate) listener: ListenerKind,
    pub(crate) program: ProgramLookup,
}

/// Runs the handshake. A tunnel becomes a task of its own, so that nothing of the handshake stays in memory.
pub(crate) async fn serve(client: AcceptedClient, shared: Arc<Shared>, slot: ConnectionSlot) {
    let AcceptedClient {
        stream,
        peer,
        local,
        listener,
        program,
    } = client;
    let gateway = EngineGateway::new(shared, program);
    let deadline = Instant::now() + gateway.handshake_timeout();
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
            // Boxed, so that a SOCKS handshake does not carry its size.
            let serving =
                privet_http::serve(client, &first, deadline, local, peer, listener, &gateway);
            Box::pin(serving).await
        }
        _ => return,
    };
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

/// What the client sends first; `None`: it closed or broke the connection.
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

/// The listener as the policy knows it, where it takes SOCKS.
fn socks_listener(kind: ListenerKind) -> Option<Listener> {
    match kind {
        ListenerKind::Mixed => Some(Listener::Mixed),
        ListenerKind::Socks => Some(Listener::Socks),
        ListenerKind::Http | ListenerKind::Pac => None,
    }
}

/// The listener as the policy knows it, where it takes HTTP.
fn http_listener(kind: ListenerKind) -> Option<Listener> {
    match kind {
        ListenerKind::Mixed => Some(Listener::Mixed),
        ListenerKind::Http => Some(Listener::Http),
        ListenerKind::Socks | ListenerKind::Pac => None,
    }
}
