//! Accepting connections: client allow-list, connection limit, and exhausted file descriptors.

pub(crate) mod allowed_clients;
pub(crate) mod connection_limit;
pub(crate) mod listener;
pub(crate) mod workers;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::accept::allowed_clients::is_allowed;
use crate::accept::connection_limit::ConnectionSlot;
use crate::accept::listener::{ListenerKind, ListenerKindCell};
use crate::session::site::{self, SiteClient};
use crate::session::{self, AcceptedClient, https, pac};
use crate::shared::Shared;

/// The pause when file descriptors or memory are exhausted: other connections may close meanwhile.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(50);

/// The listener that an accept loop serves.
#[derive(Clone)]
pub(crate) struct ServedListener {
    pub(crate) kind: Arc<ListenerKindCell>,
    /// Its address as configured; the port may be 0.
    pub(crate) configured: SocketAddr,
    /// The bound address; a wildcard is replaced by the local address of each connection.
    pub(crate) address: SocketAddr,
}

/// Accepts until `stop`.
pub(crate) async fn accept(
    socket: std::net::TcpListener,
    listener: ServedListener,
    shared: Arc<Shared>,
    stop: CancellationToken,
) {
    let socket = match TcpListener::from_std(socket) {
        Ok(socket) => socket,
        Err(error) => {
            let text = format!("cannot listen on {}: {error}", listener.address);
            return shared.problems.raise("listen", text, "restart Privet");
        }
    };
    let mut exhausted = false;
    loop {
        let accepted = tokio::select! {
            biased;
            accepted = socket.accept() => accepted,
            () = stop.cancelled() => return,
        };
        match accepted {
            Ok((client, peer)) => {
                exhausted = false;
                admit(client, peer, &listener, &shared);
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                // Logged once, not at every attempt.
                if !std::mem::replace(&mut exhausted, true) {
                    tracing::warn!(%error, "accept rests: no descriptor or memory is left");
                }
                tokio::select! {
                    () = tokio::time::sleep(EXHAUSTED_PAUSE) => {}
                    () = stop.cancelled() => return,
                }
            }
        }
    }
}

/// Whether the error concerns only the connection being accepted (listed in accept(2)): the next one may succeed.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind as E;
    matches!(
        error.kind(),
        E::ConnectionAborted | E::ConnectionReset | E::Interrupted | E::WouldBlock
    ) || matches!(
        error.kind(),
        E::NetworkDown | E::NetworkUnreachable | E::HostUnreachable | E::PermissionDenied
    )
}

/// Starts a session, or closes a client that is not allowed or exceeds the connection limit.
fn admit(client: TcpStream, peer: SocketAddr, listener: &ServedListener, shared: &Arc<Shared>) {
    let snapshot = shared.snapshot.load();
    let kind = listener.kind.get();
    // Sites are public; `allow` and `deny` of a site are checked with its requests.
    if kind != ListenerKind::Site && !is_allowed(&snapshot.config, peer.ip()) {
        tracing::debug!(%peer, "refused: the address is not in allow_clients");
        return;
    }
    let most = snapshot.config.listen.limits.connections;
    let Some(slot) = ConnectionSlot::take(&shared.connection_limit, most) else {
        tracing::debug!(%peer, "refused: listen.limits.connections is reached");
        return;
    };
    if workers::start_tick() {
        shared.connection_log.follow_wall_clock();
        shared.activity.notify_one();
    }
    let local = match listener.address.ip().is_unspecified() {
        true => client.local_addr().unwrap_or(listener.address),
        false => listener.address,
    };
    drop(snapshot);
    #[cfg(not(target_os = "linux"))]
    // Only Linux inherits it from the listener. Without it the system delays small messages.
    let _ = client.set_nodelay(true);
    let shared = shared.clone();
    match kind {
        ListenerKind::Site => {
            let client = SiteClient {
                stream: client,
                peer,
                local,
                listener: listener.configured,
            };
            drop(tokio::spawn(site::serve(client, shared, slot)));
        }
        ListenerKind::Pac => drop(tokio::spawn(pac::serve(
            client,
            local,
            listener.address,
            shared,
            slot,
        ))),
        listener => {
            let client = AcceptedClient {
                stream: client,
                peer,
                local,
                listener,
                program: shared.programs.find(peer, local),
            };
            match listener {
                ListenerKind::Https => drop(tokio::spawn(https::serve(client, shared, slot))),
                _ => drop(tokio::spawn(session::serve(client, shared, slot))),
            }
        }
    }
}
