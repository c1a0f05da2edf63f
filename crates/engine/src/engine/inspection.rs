//! HTTPS inspection: the authority, exceptions and counts.

use std::sync::Arc;

use super::Engine;
use crate::inspection::{AuthorityFacts, AuthorityPlace, Inspection};

impl Engine {
    /// What inspects HTTPS; `None`: it is off.
    pub fn inspection(&self) -> Option<Arc<Inspection>> {
        self.shared.snapshot.load().inspection.clone()
    }

    /// The authority of this installation, also where inspection is off; `None`: none was made yet.
    pub async fn inspection_authority(&self) -> Option<Arc<AuthorityFacts>> {
        if let Some(inspection) = self.inspection() {
            return Some(inspection.authority().clone());
        }
        let place = self.authority_place();
        let known = tokio::task::spawn_blocking(move || place.known()).await;
        known.ok().flatten().map(Arc::new)
    }

    /// The authority, which is made where there is none.
    ///
    /// # Errors
    /// As a sentence.
    pub async fn ensure_inspection_authority(&self) -> Result<Arc<AuthorityFacts>, String> {
        if let Some(inspection) = self.inspection() {
            return Ok(inspection.authority().clone());
        }
        let place = self.authority_place();
        let made = tokio::task::spawn_blocking(move || place.ensure()).await;
        made.map_err(|error| error.to_string())?.map(Arc::new)
    }

    fn authority_place(&self) -> AuthorityPlace {
        AuthorityPlace {
            folder: self.options.certificate_folder(),
            keyring: self.options.keyring.clone(),
        }
    }
}
