//! Sites: their backends' states, and changes of a backend by hand.

use std::sync::Arc;

use privet_sites::SiteTable;

use super::Engine;
use crate::caches::Caches;
use crate::supervise::command::Command;
use crate::supervise::sites::{BackendChange, BackendChangeError};
use crate::supervise::timeline::ChangeSource;

impl Engine {
    /// The sites with their backends' states.
    pub fn sites(&self) -> Arc<SiteTable> {
        self.shared.snapshot.load().sites.clone()
    }

    /// The HTTP caches.
    pub fn caches(&self) -> Caches {
        self.shared.snapshot.load().caches.clone()
    }

    /// Changes a backend of a site by hand. Returns the change's number; `None`: it was so already.
    ///
    /// # Errors
    /// There is no such site or backend.
    pub async fn change_backend(
        &self,
        source: ChangeSource,
        site: &str,
        backend: &str,
        change: BackendChange,
    ) -> Result<Option<u64>, BackendChangeError> {
        let (site, backend) = (site.to_owned(), backend.to_owned());
        let changed = self.request(|reply| Command::ChangeBackend {
            site,
            backend,
            change,
            by: source.into(),
            reply,
        });
        changed.await.unwrap_or(Err(BackendChangeError::Stopping))
    }
}
