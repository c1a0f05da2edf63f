//! The authority of inspection: made once for an installation. Its key signs the certificates that clients get, and nothing
//! else; origins whose certificates it signed are never accepted.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::certificate::CertificateFacts;
use crate::self_signed::make;
use crate::self_signed::store::{KeyPairFile, Stored};

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

/// The authority in a file that only its owner can read, for systems without a keyring.
pub struct AuthorityFile(KeyPairFile);

impl AuthorityFile {
    pub fn new(path: PathBuf) -> Self {
        Self(KeyPairFile::new(path))
    }

    /// `None`: there is no file.
    ///
    /// # Errors
    /// It cannot be read as an authority.
    pub fn read(&self) -> Result<Option<InspectionAuthority>, UnusableAuthority> {
        let stored = self.0.read().map_err(UnusableAuthority)?;
        Ok(stored.map(|stored| InspectionAuthority { stored }))
    }

    /// Writes the certificate and its key atomically.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&self, authority: &InspectionAuthority) -> Result<(), UnusableAuthority> {
        let written = self.0.write(&authority.stored);
        written.map_err(|error| UnusableAuthority(error.to_string()))
    }

    /// Renames a file that cannot be used to `NAME.corrupt`.
    ///
    /// # Errors
    /// The system's.
    pub fn set_aside(&self) -> Result<PathBuf, UnusableAuthority> {
        let aside = self.0.set_aside();
        aside.map_err(|error| UnusableAuthority(error.to_string()))
    }

    /// Removes the file, once the keyring holds the authority.
    ///
    /// # Errors
    /// The system's.
    pub fn remove(&self) -> std::io::Result<()> {
        std::fs::remove_file(self.0.path())
    }
}

/// What a certificate says about itself, without its key.
#[derive(Debug, Clone)]
pub struct PublicAuthority {
    pub certificate: CertificateDer<'static>,
    pub facts: CertificateFacts,
    pub common_name: String,
}

impl PublicAuthority {
    /// Reads [`InspectionAuthority::certificate_pem`].
    ///
    /// # Errors
    /// The text is no certificate.
    pub fn from_pem(text: &str) -> Result<Self, UnusableAuthority> {
        let unusable = |why: String| UnusableAuthority(why);
        let certificate = CertificateDer::from_pem_slice(text.as_bytes())
            .map_err(|error| unusable(error.to_string()))?;
        let facts = CertificateFacts::read(&certificate).map_err(unusable)?;
        let common_name = super::fault::subject(&certificate);
        Ok(Self {
            certificate,
            facts,
            common_name,
        })
    }
}
