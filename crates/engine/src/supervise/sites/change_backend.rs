//! Changes a backend by hand, and records it in the timeline.

use std::sync::Arc;
use std::time::Instant;

use privet_balance::{MemberState, MemberView};
use privet_sites::backend_pool::BackendPool;

use super::backend_change::{BackendChange, BackendChangeError, RestoreBackend};
use crate::supervise::supervisor::Supervisor;
use crate::supervise::timeline::{ChangeDetail, ChangeOrigin, UndoAction};

impl Supervisor {
    /// Changes a backend. `backend`: its id.
    pub(crate) async fn change_backend(
        &mut self,
        site: String,
        backend: String,
        change: BackendChange,
        by: ChangeOrigin,
    ) -> Result<Option<u64>, BackendChangeError> {
        let (pool, place, before) = self.find_backend(&site, &backend)?;
        let was_draining = before.state == MemberState::Draining;
        let url = pool
            .backends()
            .get(place)
            .map(|it| it.endpoint.url().to_string());
        let values = [("site", site.clone()), ("name", url.unwrap_or_default())];
        let mut what = Vec::new();
        if let Some(draining) = change.draining.filter(|draining| *draining != was_draining) {
            pool.members().set_draining(place, draining, Instant::now());
            let kind = if draining {
                "backend-draining"
            } else {
                "backend-in-use"
            };
            what.push(ChangeDetail::new(kind, values.clone()));
        }
        if let Some(weight) = change
            .weight
            .filter(|weight| *weight != before.manual_weight)
        {
            pool.members().set_weight(place, weight);
            let [site, name] = values;
            what.push(match weight {
                Some(weight) => {
                    let weight = ("weight", weight.to_string());
                    ChangeDetail::new("backend-weight", [site, name, weight])
                }
                None => ChangeDetail::new("backend-weight-reset", [site, name]),
            });
        }
        if what.is_empty() {
            return Ok(None);
        }
        let undo = UndoAction::RestoreBackend(RestoreBackend {
            site,
            backend,
            draining: was_draining,
            weight: before.manual_weight,
        });
        Ok(Some(self.record_change(by, what, undo).await))
    }

    /// Sets a backend as it was before a change.
    pub(crate) async fn restore_backend(
        &mut self,
        to: RestoreBackend,
        by: ChangeOrigin,
    ) -> Result<Option<u64>, BackendChangeError> {
        let change = BackendChange {
            draining: Some(to.draining),
            weight: Some(to.weight),
        };
        self.change_backend(to.site, to.backend, change, by).await
    }

    fn find_backend(
        &self,
        site: &str,
        backend: &str,
    ) -> Result<(Arc<BackendPool>, usize, MemberView), BackendChangeError> {
        let sites = self.shared.snapshot.load().sites.clone();
        let found = sites
            .site(site)
            .ok_or_else(|| BackendChangeError::NoSite(site.to_owned()))?;
        let no_backend = || BackendChangeError::NoBackend {
            site: site.to_owned(),
            backend: backend.to_owned(),
        };
        for pool in found.pools() {
            if let Some(place) = pool.backends().iter().position(|it| *it.id == *backend) {
                let view = pool.members().view().into_iter().nth(place);
                return Ok((pool.clone(), place, view.ok_or_else(no_backend)?));
            }
        }
        Err(no_backend())
    }
}
