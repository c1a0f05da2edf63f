//! What the threads of the data plane and the supervisor share.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use arc_swap::ArcSwap;
use privet_connection_log::ConnectionLog;

use crate::accept::connection_limit::ConnectionLimit;
use crate::accept::listener::ListenerState;
use crate::gateway::authenticate::Failures;
use crate::gateway::programs::Programs;
use crate::policy_changes::Reloads;
use crate::problems::Problems;
use crate::snapshot::Snapshot;
use crate::supervise::mode::ModeState;

/// What the threads share. Nothing in it is locked while a connection is served.
pub(crate) struct Shared {
    pub(crate) snapshot: ArcSwap<Snapshot>,
    /// Told after each swap of the snapshot.
    pub(crate) reloads: Reloads,
    pub(crate) connection_log: ConnectionLog,
    pub(crate) programs: Programs,
    pub(crate) failures: Failures,
    pub(crate) problems: Problems,
    /// Connections that stand, against `listen.limits.connections`.
    pub(crate) connection_limit: Arc<ConnectionLimit>,
    /// Counts up with every new identity: connections of an earlier one are not shared.
    pub(crate) identity_epoch: AtomicU64,
    /// As the supervisor last set it, with the snapshot.
    pub(crate) mode: ArcSwap<ModeState>,
    /// The listeners that run, for the PAC and status.
    pub(crate) listening: ArcSwap<Vec<ListenerState>>,
}
