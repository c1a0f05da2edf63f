//! Reports what a planned change would do.

use std::net::SocketAddr;

use crate::supervise::configuration::plan::ConfigPlan;
use crate::supervise::configuration::replay::replay_records;
use crate::supervise::configuration::report::{ApplyError, ApplyReport};
use crate::supervise::configuration::revoke::is_revoked;
use crate::supervise::supervisor::Supervisor;

impl Supervisor {
    /// What the plan would change now, and what it would have changed for the recorded connections.
    pub(crate) async fn preview(&self, plan: ConfigPlan) -> Result<ApplyReport, ApplyError> {
        let closed = self.closing_addresses(&plan);
        let live = self.shared.connection_log.live_rows();
        let connections_closed = live
            .iter()
            .filter(|row| is_revoked(row, &plan.snapshot))
            .count();
        let connection_log = self.shared.connection_log.clone();
        let (current, planned) = (self.shared.snapshot.load_full(), plan.snapshot);
        let replayed = tokio::task::spawn_blocking(move || {
            replay_records(&connection_log, &current.policy, &planned.policy)
        });
        let replay = replayed
            .await
            .map_err(|error| ApplyError::panicked(&error))?
            .map_err(|error| ApplyError::Internal(error.to_string()))?;
        Ok(ApplyReport {
            warnings: plan.warnings,
            opened: plan.opening,
            closed,
            connections_closed,
            replay: Some(replay),
            change: None,
        })
    }

    /// Addresses of the listeners that the plan closes.
    pub(super) fn closing_addresses(&self, plan: &ConfigPlan) -> Vec<SocketAddr> {
        plan.closing
            .iter()
            .filter_map(|at| self.listeners.get(at))
            .map(|running| running.address)
            .collect()
    }
}
