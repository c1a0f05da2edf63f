//! A household's own certificate authority, and the certificate that it signs for this machine. Both are made once and kept
//! in a folder.

mod error;
pub(crate) mod make;
pub(crate) mod store;

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::certificate::{CertificateFacts, Fingerprint};
use crate::names::CertificateName;
pub use error::SelfSignedError;
use make::DAY;
use store::{KeyPairFile, Stored};

/// How long before its end the certificate is renewed.
const RENEW_BEFORE: Duration = DAY.saturating_mul(30);
/// Most names and addresses in the certificate; further ones are left out.
pub const MAX_NAMES: usize = 100;

/// The authority and the certificate in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelfSigned {
    /// PEM file that holds the machine's certificate and its key.
    pub leaf: PathBuf,
    /// PEM file that holds the authority's certificate only, for clients.
    pub authority: PathBuf,
    /// The authority's certificate in PEM.
    pub authority_pem: String,
    /// SHA-256 of the authority's certificate.
    pub fingerprint: Fingerprint,
    /// What was done about it now.
    pub notices: Vec<SelfSignedNotice>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SelfSignedNotice {
    AuthorityMade,
    LeafMade,
    /// A file could not be used; it was renamed to this.
    SetAside(PathBuf),
    /// The authority's validity ended, and a new one was made.
    AuthorityExpired,
}

impl fmt::Display for SelfSignedNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AuthorityMade => f.write_str("a certificate authority was made"),
            Self::LeafMade => f.write_str("a certificate was made"),
            Self::SetAside(path) => write!(
                f,
                "a certificate file could not be used and was renamed to {}",
                path.display()
            ),
            Self::AuthorityExpired => f.write_str("the certificate authority expired"),
        }
    }
}

/// Makes or reads the authority and the certificate in `folder`. The authority is kept; the certificate is made anew where
/// `names` are not those in it, or 30 days before its end. Files are readable by their owner only and written atomically; one
/// that cannot be used is renamed to `NAME.corrupt`. Blocks on the disk.
///
/// # Errors
/// [`SelfSignedError`].
pub fn ensure(
    folder: &Path,
    names: &BTreeSet<CertificateName>,
    now: SystemTime,
) -> Result<SelfSigned, SelfSignedError> {
    let mut notices = Vec::new();
    let authority = authority(folder, now, &mut notices)?;
    let leaf = KeyPairFile::new(folder.join("leaf.pem"));
    let names: Vec<CertificateName> = names.iter().take(MAX_NAMES).cloned().collect();
    let usable = match leaf.read() {
        Ok(Some(stored)) => is_current(&stored, &authority, &names, now),
        Ok(None) => false,
        Err(_) => {
            notices.push(SelfSignedNotice::SetAside(leaf.set_aside()?));
            false
        }
    };
    if !usable {
        let made = make::leaf(&authority, &names, now).map_err(SelfSignedError::Make)?;
        leaf.write(&made)?;
        notices.push(SelfSignedNotice::LeafMade);
    }
    let public = folder.join("ca.pem");
    let authority_pem = authority.certificate_pem();
    store::write_if_different(&public, &authority_pem)?;
    Ok(SelfSigned {
        leaf: leaf.into_path(),
        authority: public,
        authority_pem,
        fingerprint: authority.facts.fingerprint,
        notices,
    })
}

fn authority(
    folder: &Path,
    now: SystemTime,
    notices: &mut Vec<SelfSignedNotice>,
) -> Result<Stored, SelfSignedError> {
    let file = KeyPairFile::new(folder.join("authority.pem"));
    match file.read() {
        Ok(Some(stored)) if stored.facts.not_after > now => return Ok(stored),
        Ok(Some(_)) => {
            notices.push(SelfSignedNotice::AuthorityExpired);
            notices.push(SelfSignedNotice::SetAside(file.set_aside()?));
        }
        Ok(None) => {}
        Err(_) => notices.push(SelfSignedNotice::SetAside(file.set_aside()?)),
    }
    let made = make::authority("Privet authority", now).map_err(SelfSignedError::Make)?;
    file.write(&made)?;
    notices.push(SelfSignedNotice::AuthorityMade);
    Ok(made)
}

/// Whether the stored certificate can still be used.
fn is_current(
    leaf: &Stored,
    authority: &Stored,
    names: &[CertificateName],
    now: SystemTime,
) -> bool {
    let facts: &CertificateFacts = &leaf.facts;
    let has: BTreeSet<&CertificateName> = facts.names.iter().collect();
    let wanted: BTreeSet<&CertificateName> = names.iter().collect();
    // Where the authority ends sooner, its end is the certificate's too.
    let end = facts.not_after.min(authority.facts.not_after);
    let is_near_end = now + RENEW_BEFORE > end && end != authority.facts.not_after;
    has == wanted
        && now >= facts.not_before
        && now < end
        && !is_near_end
        && leaf.is_signed_by(authority)
}

#[cfg(test)]
mod tests;
