//! Accepting connections: client allow-list, connection limits, and exhausted file descriptors.

pub(crate) mod allowed_clients;
pub(crate) mod client_connections;
pub(crate) mod connection_limit;
pub(crate) mod distribute;
pub(crate) mod listener;
pub(crate) mod local_client;
mod make_room;
pub(crate) mod pressure;
pub(crate) mod waiting_clients;
pub(crate) mod workers;

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use privet_net::ClientKey;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::accept::allowed_clients::is_allowed;
use crate::accept::client_connections::ClientSlot;
use crate::accept::connection_limit::ConnectionSlot;
use crate::accept::distribute::{Accepted, Distributor};
use crate::accept::listener::{BACKLOG, ListenerKind, ListenerKindCell};
use crate::accept::local_client::is_on_this_machine;
use crate::accept::waiting_clients::{ClosedClient, WaitingClient};
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
    mut distributor: Distributor,
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
    loop {
        let accepted = tokio::select! {
            biased;
            accepted = socket.accept() => accepted,
            () = stop.cancelled() => {
                return accept_pending(&socket, &listener, &shared).await;
            }
        };
        match accepted {
            Ok(accepted) => {
                if let Some((client, peer)) = distributor.pass_on(accepted) {
                    admit(client, peer, &listener, &shared).await;
                }
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::debug!(%error, "no connection can be accepted");
                if shared.free_descriptors().await {
                    continue;
                }
                tokio::select! {
                    () = tokio::time::sleep(EXHAUSTED_PAUSE) => {}
                    () = stop.cancelled() => return,
                }
            }
        }
    }
}

/// Serves what the kernel had accepted already when the listener was closed: a client does not notice a reload.
async fn accept_pending(socket: &TcpListener, listener: &ServedListener, shared: &Arc<Shared>) {
    for _ in 0..BACKLOG {
        let pending = poll_fn(|cx| match socket.poll_accept(cx) {
            Poll::Ready(Ok(accepted)) => Poll::Ready(Some(accepted)),
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Ready(None),
        });
        let Some((client, peer)) = pending.await else {
            return;
        };
        admit(client, peer, listener, shared).await;
    }
}

/// Serves connections that another thread accepted, until that ends.
pub(crate) async fn serve_accepted(
    mut accepted: mpsc::Receiver<Accepted>,
    listener: ServedListener,
    shared: Arc<Shared>,
) {
    while let Some((client, peer)) = accepted.recv().await {
        if let Ok(client) = TcpStream::from_std(client) {
            admit(client, peer, &listener, &shared).await;
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

/// Starts a session, or closes a client that is not allowed or for which there is no room.
async fn admit(
    client: TcpStream,
    peer: SocketAddr,
    listener: &ServedListener,
    shared: &Arc<Shared>,
) {
    // Read once: a reload may change it while room is made, and what was checked here holds for this kind only.
    let kind = listener.kind.get();
    let (most, most_of_client) = {
        let snapshot = shared.snapshot.load();
        // Sites are public; `allow` and `deny` of a site are checked with its requests.
        if kind != ListenerKind::Site && !is_allowed(&snapshot.config, peer.ip()) {
            tracing::debug!(%peer, "refused: the address is not in allow_clients");
            return;
        }
        let limits = &snapshot.config.listen.limits;
        (
            shared.connection_limit.most(limits.connections),
            limits.connections_per_client,
        )
    };
    let take = || ConnectionSlot::take(&shared.connection_limit, most);
    let slot = match take() {
        Some(slot) => Some(slot),
        None => shared.make_room(most, take).await,
    };
    let Some(mut slot) = slot else {
        tracing::debug!(%peer, "refused: as many connections are open as allowed");
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
    // Of a client on this machine the program counts, which its session looks up. Sites and the PAC file look up none.
    let has_program = !matches!(kind, ListenerKind::Site | ListenerKind::Pac);
    if most_of_client > 0 && !(has_program && is_on_this_machine(peer, local)) {
        let key = ClientKey::of_address(peer.ip());
        let who = || peer.ip().to_canonical().to_string();
        if !shared.count_for_client(&mut slot, key, most_of_client, who) {
            return;
        }
    }
    #[cfg(not(target_os = "linux"))]
    // Only Linux inherits it from the listener. Without it the system delays small messages.
    let _ = client.set_nodelay(true);
    serve(client, (peer, local), kind, listener, shared, slot);
}

fn serve(
    client: TcpStream,
    (peer, local): (SocketAddr, SocketAddr),
    kind: ListenerKind,
    listener: &ServedListener,
    shared: &Arc<Shared>,
    slot: ConnectionSlot,
) {
    let waiting = WaitingClient::new(ClosedClient {
        peer,
        listener: kind,
    });
    let entry = waiting.entry();
    let shared = shared.clone();
    let task = match kind {
        ListenerKind::Site => {
            let client = SiteClient {
                stream: client,
                peer,
                local,
                listener: listener.configured,
                waiting,
            };
            tokio::spawn(site::serve(client, shared, slot))
        }
        ListenerKind::Pac => {
            let serving = pac::serve(client, local, listener.address, shared, slot);
            tokio::spawn(async move {
                serving.await;
                drop(waiting);
            })
        }
        kind => {
            let client = AcceptedClient {
                stream: client,
                peer,
                local,
                listener: kind,
                program: shared.programs.find(peer, local),
                waiting,
            };
            match kind {
                // Boxed, so that the runtime, which copies a task several times, copies a small one.
                ListenerKind::Https => tokio::spawn(Box::pin(https::serve(client, shared, slot))),
                _ => tokio::spawn(session::serve(client, shared, slot)),
            }
        }
    };
    entry.set_task(task.abort_handle());
}

impl Shared {
    /// Counts a connection for its client; `false`: `most` of the client are open. `who`: its name.
    pub(crate) fn count_for_client(
        &self,
        slot: &mut ConnectionSlot,
        client: ClientKey,
        most: usize,
        who: impl FnOnce() -> String,
    ) -> bool {
        match ClientSlot::take(&self.client_connections, client, most) {
            Some(counted) => slot.count_for(counted),
            None => self.report_client_limit(who(), most),
        }
        slot.is_counted_for_client()
    }
}
