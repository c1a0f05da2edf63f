//! One connection from its first byte: what does it speak, hold that handshake, and hand a tunnel on.

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
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::accept::connection_limit::ConnectionSlot;
use crate::accept::listener::ListenerKind;
use crate::gateway::EngineGateway;
use crate::session::detect::{Speech, detect};
use crate::shared::Shared;
use crate::socks;

/// Room, one a thread, for a client's first flight: a SOCKS greeting or a usual HTTP head.
const FIRST_FLIGHT: usize = 4096;

/// Holds the handshake; when a tunnel comes of it, the relay becomes a task of its own and all else is dropped.
pub(crate) async fn serve(
    client: TcpStream,
    peer: SocketAddr,
    local: SocketAddr,
    kind: ListenerKind,
    shared: Arc<Shared>,
    slot: ConnectionSlot,
) {
    let gateway = EngineGateway(shared);
    let deadline = Instant::now() + gateway.handshake_timeout();
    let Ok(Some(first)) = timeout_at(deadline, first_flight(&client)).await else {
        return;
    };
    let served = match (kind, detect(&first)) {
        (ListenerKind::Mixed | ListenerKind::Socks, Some(Speech::Socks4 | Speech::Socks5)) => {
            socks::serve(
                client.into(),
                first,
                deadline,
                local,
                peer,
                listener(kind),
                &gateway,
            )
            .await
        }
        (ListenerKind::Mixed | ListenerKind::Http, Some(Speech::Http)) => {
            let serving = privet_http::serve(
                client.into(),
                &first,
                deadline,
                local,
                peer,
                listener(kind),
                &gateway,
            );
            // Boxed, so that a SOCKS handshake does not carry its size.
            Box::pin(serving).await
        }
        _ => return,
    };
    if let HandshakeOutcome::Tunnel {
        client,
        preread,
        connected,
        live,
    } = served
    {
        drop(tokio::spawn(tunnel::relay(
            client, preread, connected, live, slot,
        )));
    }
}

/// What the client says first; `None`: it closed or broke the connection.
async fn first_flight(client: &TcpStream) -> Option<Bytes> {
    thread_local!(static ROOM: RefCell<[u8; FIRST_FLIGHT]> = const { RefCell::new([0; FIRST_FLIGHT]) });
    loop {
        client.readable().await.ok()?;
        let read = ROOM.with_borrow_mut(|room| {
            let len = client.try_read(room)?;
            Ok::<_, io::Error>(Bytes::copy_from_slice(room.get(..len).unwrap_or_default()))
        });
        match read {
            Ok(first) => return (!first.is_empty()).then_some(first),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return None,
        }
    }
}

fn listener(kind: ListenerKind) -> Listener {
    match kind {
        ListenerKind::Mixed | ListenerKind::Pac => Listener::Mixed,
        ListenerKind::Socks => Listener::Socks,
        ListenerKind::Http => Listener::Http,
    }
}
