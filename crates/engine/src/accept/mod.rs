//! Taking connections: who may knock, how many may stand, and what happens when descriptors run out.

pub(crate) mod connection_limit;
pub(crate) mod listener;
pub(crate) mod workers;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use privet_config::Config;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::accept::connection_limit::ConnectionSlot;
use crate::accept::listener::{ListenerKind, ListenerKindCell};
use crate::session::{self, pac};
use crate::shared::Shared;

/// How long accept rests when the system has no descriptor left; others then get the time to close some.
const REST: Duration = Duration::from_millis(50);

/// Which door a connection came through.
#[derive(Clone)]
pub(crate) struct AcceptedBy {
    pub(crate) kind: Arc<ListenerKindCell>,
    /// The listener's own address; a wildcard is replaced per connection.
    pub(crate) address: SocketAddr,
}

/// Accepts until `stop`.
pub(crate) async fn accept(
    listener: std::net::TcpListener,
    door: AcceptedBy,
    shared: Arc<Shared>,
    stop: CancellationToken,
) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            let text = format!("cannot listen on {}: {error}", door.address);
            return shared.problems.raise("listen", text, "restart Privet");
        }
    };
    let mut resting = false;
    loop {
        let taken = tokio::select! {
            biased;
            taken = listener.accept() => taken,
            () = stop.cancelled() => return,
        };
        match taken {
            Ok((stream, peer)) => {
                resting = false;
                admit(stream, peer, &door, &shared);
            }
            Err(error) if is_passing(&error) => {}
            Err(error) => {
                // Said once, not at each try.
                if !std::mem::replace(&mut resting, true) {
                    tracing::warn!(%error, "accept rests: no descriptor or memory is left");
                }
                tokio::select! {
                    () = tokio::time::sleep(REST) => {}
                    () = stop.cancelled() => return,
                }
            }
        }
    }
}

/// The connection broke before it was taken (accept(2) lists these): the next one may be sound.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind as E;
    matches!(
        error.kind(),
        E::ConnectionAborted | E::ConnectionReset | E::Interrupted | E::WouldBlock
    ) || matches!(
        error.kind(),
        E::NetworkDown | E::NetworkUnreachable | E::HostUnreachable | E::PermissionDenied
    )
}

fn admit(stream: TcpStream, peer: SocketAddr, door: &AcceptedBy, shared: &Arc<Shared>) {
    let snapshot = shared.snapshot.load();
    if !is_allowed(&snapshot.config, peer.ip()) {
        tracing::debug!(%peer, "refused: the address is not in allow_clients");
        return;
    }
    let Some(slot) = ConnectionSlot::take(
        &shared.connection_limit,
        snapshot.config.listen.limits.connections,
    ) else {
        tracing::debug!(%peer, "refused: listen.limits.connections is reached");
        return;
    };
    let local = match door.address.ip().is_unspecified() {
        true => stream.local_addr().unwrap_or(door.address),
        false => door.address,
    };
    drop(snapshot);
    #[cfg(not(target_os = "linux"))]
    // Elsewhere it is not inherited from the listener; without it small messages only wait for more.
    let _ = stream.set_nodelay(true);
    match door.kind.get() {
        ListenerKind::Pac => drop(tokio::spawn(pac::serve(
            stream,
            local,
            shared.clone(),
            slot,
        ))),
        kind => drop(tokio::spawn(session::serve(
            stream,
            peer,
            local,
            kind,
            shared.clone(),
            slot,
        ))),
    }
}

/// Clients outside `allow_clients` are closed; without the key loopback is always let in, and others where users guard
/// the door (the configuration refuses an open listener that has neither).
pub(crate) fn is_allowed(config: &Config, client: IpAddr) -> bool {
    let client = client.to_canonical();
    match &config.listen.allow_clients {
        Some(networks) => networks.iter().any(|network| network.contains(&client)),
        None => client.is_loopback() || !config.listen.users.is_empty(),
    }
}
