//! Saves the rules' hit counts.

use std::time::Instant;

use crate::supervise::supervisor::Supervisor;

impl Supervisor {
    /// Writes the hit counts if they changed, or deletes them where connections must not be on disk.
    pub(crate) async fn save_hit_counts(&mut self) {
        self.hit_counts_saved_at = Instant::now();
        if !self.keeps_connections_on_disk() {
            let path = self.hit_counts.forget();
            let _ = tokio::task::spawn_blocking(move || std::fs::remove_file(path)).await;
            return;
        }
        let Some((path, text)) = self.hit_counts.take_unsaved() else {
            return;
        };
        let saved = tokio::task::spawn_blocking(move || privet_config::save(&path, &text)).await;
        if let Ok(Err(error)) = saved {
            tracing::warn!("the hit counts of the rules could not be written: {error}");
        }
    }
}
