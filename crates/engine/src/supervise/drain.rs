//! Stopping: no new connections, time for those that stand, then the end of them all.

use std::time::Duration;

use privet_ledger::End;

use crate::supervise::supervisor::Keeper;

/// How long standing connections may go on after SIGTERM.
pub const DRAIN_DEADLINE: Duration = Duration::from_secs(5);
/// How long a cancelled connection may take to end.
const LAST: Duration = Duration::from_secs(1);

impl Keeper {
    pub(crate) async fn drain(&mut self, deadline: Duration) {
        for running in self.open.values() {
            running.stop.cancel();
        }
        self.open.clear();
        self.checks = None;
        let places = self.shared.places.clone();
        if tokio::time::timeout(deadline, places.empty())
            .await
            .is_err()
        {
            self.shared.ledger.cancel_all(End::Shutdown);
            let _ = tokio::time::timeout(LAST, places.empty()).await;
        }
        self.save_lists().await;
        self.save_counts().await;
        let ledger = self.shared.ledger.clone();
        let _ = tokio::task::spawn_blocking(move || ledger.flush()).await;
    }
}
