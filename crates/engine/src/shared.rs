//! State shared by the data-plane threads and the supervisor.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use privet_connection_log::ConnectionLog;
use privet_system::ProgramFinder;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::accept::client_connections::ClientConnections;
use crate::accept::connection_limit::ConnectionLimit;
use crate::accept::listener::{ListenerKind, ListenerState};
use crate::accept::pressure::Pressure;
use crate::gateway::login_failures::LoginFailures;
use crate::policy_changes::PolicyChanges;
use crate::problems::Problems;
use crate::snapshot::Snapshot;
use crate::supervise::mode::{ModeSelection, ModeState};

/// State shared by all threads. No lock in it is held while a connection is served.
pub(crate) struct Shared {
    pub(crate) snapshot: ArcSwap<Snapshot>,
    /// Notified after each swap of the snapshot.
    pub(crate) policy_changes: PolicyChanges,
    pub(crate) connection_log: ConnectionLog,
    pub(crate) programs: ProgramFinder,
    pub(crate) login_failures: LoginFailures,
    pub(crate) problems: Problems,
    /// Open connections, against `listen.limits.connections`.
    pub(crate) connection_limit: Arc<ConnectionLimit>,
    /// Notified when a thread without connections accepts one: the supervisor ticks slowly while there are none.
    pub(crate) activity: Notify,
    /// Open connections of each client, against `listen.limits.connections_per_client`.
    pub(crate) client_connections: Arc<ClientConnections>,
    /// Whether connections or file descriptors ran out lately.
    pub(crate) pressure: Pressure,
    /// Whether a client had too many connections lately.
    pub(crate) client_pressure: Pressure,
    /// Held while the keyring is read again after a reload.
    pub(crate) secret_refresh: Semaphore,
    /// Counts up with every new identity; connections of an earlier one are not reused.
    pub(crate) identity_epoch: AtomicU64,
    /// The selected mode and pause. Held only while a snapshot is swapped in memory.
    pub(crate) modes: Mutex<ModeSelection>,
    /// Notified after each change of `modes`.
    pub(crate) pause_changed: Notify,
    /// Current mode; set together with the snapshot.
    pub(crate) mode: ArcSwap<ModeState>,
    /// Cancelled once the engine stops: open connections take no more requests.
    pub(crate) stopping: CancellationToken,
    /// Running listeners, for the PAC file and status.
    pub(crate) listening: ArcSwap<Vec<ListenerState>>,
}

impl Shared {
    /// The address of the HTTP listener that a client which reached us on `ip` should use.
    pub(crate) fn proxy_for(&self, ip: IpAddr) -> Option<SocketAddr> {
        let listening = self.listening.load();
        let speaks = |kind| {
            listening
                .iter()
                .filter(move |listener| listener.kind == kind)
                .map(|listener| listener.address)
        };
        reached_by(
            ip,
            speaks(ListenerKind::Mixed).chain(speaks(ListenerKind::Http)),
        )
    }

    /// The address of the `https` listener that a client which reached us on `ip` should use.
    pub(crate) fn https_proxy_for(&self, ip: IpAddr) -> Option<SocketAddr> {
        let listening = self.listening.load();
        let https = listening
            .iter()
            .filter(|listener| listener.kind == ListenerKind::Https)
            .map(|listener| listener.address);
        reached_by(ip, https)
    }
}

/// The listener for a client that reached us on `ip`: one on that address, else the first.
fn reached_by(
    ip: IpAddr,
    mut listeners: impl Iterator<Item = SocketAddr> + Clone,
) -> Option<SocketAddr> {
    let first = listeners.clone().next();
    let mut address = listeners
        .find(|address| address.ip() == ip || address.ip().is_unspecified())
        .or(first)?;
    if address.ip().is_unspecified() {
        address.set_ip(ip);
    }
    Some(address)
}
