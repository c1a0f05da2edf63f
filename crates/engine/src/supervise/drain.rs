//! Stopping: close the listeners, wait for open connections, then cancel the rest.

use std::time::Duration;

use privet_connection_log::CloseReason;

use crate::supervise::supervisor::Supervisor;

/// How long open connections may continue after SIGTERM.
pub const DRAIN_DEADLINE: Duration = Duration::from_secs(5);
/// How long a cancelled connection may take to end.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(1);

impl Supervisor {
    /// Closes the listeners, waits up to `deadline` for open connections, cancels the rest and writes what is unsaved.
    pub(crate) async fn drain(&mut self, deadline: Duration) {
        for running in self.listeners.values() {
            running.stop.cancel();
        }
        self.listeners.clear();
        self.health_checks = None;
        self.shared.stopping.cancel();
        let connection_limit = self.shared.connection_limit.clone();
        if tokio::time::timeout(deadline, connection_limit.empty())
            .await
            .is_err()
        {
            self.shared.connection_log.cancel_all(CloseReason::Shutdown);
            let _ = tokio::time::timeout(CANCEL_TIMEOUT, connection_limit.empty()).await;
        }
        self.save_lists().await;
        self.save_hit_counts().await;
        let connection_log = self.shared.connection_log.clone();
        let caches = self.shared.snapshot.load().caches.clone();
        let write = move || {
            connection_log.flush();
            caches.close();
        };
        let _ = tokio::task::spawn_blocking(write).await;
    }
}
