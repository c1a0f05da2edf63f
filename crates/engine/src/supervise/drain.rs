//! Stopping: no new connections, time for those that stand, then the end of them all.

use std::time::Duration;

use privet_connection_log::CloseReason;

use crate::supervise::supervisor::Supervisor;

/// How long standing connections may go on after SIGTERM.
pub const DRAIN_DEADLINE: Duration = Duration::from_secs(5);
/// How long a cancelled connection may take to end.
const LAST: Duration = Duration::from_secs(1);

impl Supervisor {
    pub(crate) async fn drain(&mut self, deadline: Duration) {
        for running in self.open.values() {
            running.stop.cancel();
        }
        self.open.clear();
        self.checks = None;
        let connection_limit = self.shared.connection_limit.clone();
        if tokio::time::timeout(deadline, connection_limit.empty())
            .await
            .is_err()
        {
            self.shared.connection_log.cancel_all(CloseReason::Shutdown);
            let _ = tokio::time::timeout(LAST, connection_limit.empty()).await;
        }
        self.save_lists().await;
        self.save_counts().await;
        let connection_log = self.shared.connection_log.clone();
        let _ = tokio::task::spawn_blocking(move || connection_log.flush()).await;
    }
}
