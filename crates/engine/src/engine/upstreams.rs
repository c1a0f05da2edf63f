//! Upstreams and groups: health, tests, and the isolation credentials.

use std::sync::atomic::Ordering;

use privet_net::{OutboundHealth, OutboundTest};

use super::Engine;

impl Engine {
    pub fn upstreams(&self) -> Vec<OutboundHealth> {
        self.shared.snapshot.load().dialer.health()
    }

    /// Times one connection through the upstream or group; `None`: there is none of that name.
    pub async fn test_upstream(&self, name: &str) -> Option<OutboundTest> {
        let snapshot = self.snapshot();
        let config = &snapshot.config;
        let mut names = config
            .upstreams
            .iter()
            .map(|upstream| &upstream.name)
            .chain(config.groups.iter().map(|group| &group.name));
        names.any(|known| known == name).then_some(())?;
        Some(snapshot.dialer.test(name).await)
    }

    /// Rotates the isolation credentials: new connections share no circuit with earlier ones.
    pub fn rotate_identity(&self) {
        self.shared.snapshot.load().dialer.rotate_identity();
        self.shared.identity_epoch.fetch_add(1, Ordering::Relaxed);
        // What was stored for an identity goes with it, also where the process is killed.
        let caches = self.shared.snapshot.load().caches.clone();
        caches.forget_private();
        tokio::task::spawn_blocking(move || caches.flush());
    }
}
