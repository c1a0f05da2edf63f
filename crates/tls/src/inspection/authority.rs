//! The authority of inspection: made once for an installation. Its key signs the certificates that clients get, and nothing
//! else; origins whose certificates it signed are never accepted.

use std::path::Path;
use std::time::SystemTime;

use rustls_pki_types::CertificateDer;

use crate::certificate::CertificateFacts;
use crate::self_signed::make;
use crate::self_signed::store::Stored;

/// The beginning of the authority's common name. A number follows.
const NAME: &str = "Privet inspection";

/// An authority with its key.
pub struct InspectionAuthority {
    pub(super) stored: Stored,
}

/// The authority cannot be read or made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the inspection authority cannot be used: {0}")]
pub struct UnusableAuthority(pub String);

impl std::fmt::Debug for InspectionAuthority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InspectionAuthority")
            .field("fingerprint", &self.stored.facts.fingerprint)
            .finish_non_exhaustive()
    }
}

impl InspectionAuthority {
    /// Makes an authority: ECDSA P-256, valid for ten years, without name constraints, since the inspected hosts change.
    ///
    /// # Errors
    /// The system gave no randomness.
    pub fn make(now: SystemTime) -> Result<Self, UnusableAuthority> {
        let stored = make::authority(NAME, now).map_err(UnusableAuthority)?;
        Ok(Self { stored })
    }

    /// Reads [`InspectionAuthority::secret_pem`].
    ///
    /// # Errors
    /// The text is no certificate with its key.
    pub fn from_pem(text: &str) -> Result<Self, UnusableAuthority> {
        let stored =
            Stored::from_pem(Path::new("authority"), text.as_bytes()).map_err(UnusableAuthority)?;
        Ok(Self { stored })
    }

    /// The certificate and its key, to be kept secret.
    pub fn secret_pem(&self) -> String {
        self.stored.pem()
    }

    /// The certificate alone, for clients.
    pub fn certificate_pem(&self) -> String {
        self.stored.certificate_pem()
    }

    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.stored.certificate
    }

    pub fn facts(&self) -> &CertificateFacts {
        &self.stored.facts
    }

    /// Its common name.
    pub fn common_name(&self) -> String {
        super::fault::subject(&self.stored.certificate)
    }

    pub fn is_valid_at(&self, now: SystemTime) -> bool {
        now < self.stored.facts.not_after
    }
}
