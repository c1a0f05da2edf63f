//! Revocation, where data is at hand: the response that a server staples to its handshake, and the revocation lists (CRLs)
//! in the files of the configuration. Nobody is asked over the network.

mod issuer;
mod stapled;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use issuer::{is_issued_by, without_zeros};

use crate::error::{LoadError, LoadErrorKind};
use crate::pem;

/// The most revocation lists in one file.
const MAX_LISTS: usize = 100;

/// What is known of revoked certificates.
#[derive(Debug)]
pub(super) struct Revocation {
    /// The certificates of the configuration's files: servers need not send them.
    authorities: Vec<CertificateDer<'static>>,
    lists: Vec<RevokedBy>,
}

/// What one authority revoked.
#[derive(Debug)]
struct RevokedBy {
    authority: CertificateDer<'static>,
    serials: HashSet<Box<[u8]>>,
}

impl Revocation {
    /// Reads the certificates and revocation lists in PEM files. Blocks on the disk.
    ///
    /// # Errors
    /// A file cannot be read, or a list is not signed by a certificate of its file.
    pub(super) fn load(files: &[PathBuf]) -> Result<Self, LoadError> {
        let (mut authorities, mut lists) = (Vec::new(), Vec::new());
        for path in files {
            let bytes = pem::read_file(path)?;
            let certificates = pem::certificates(path, &bytes)?;
            let found = CertificateRevocationListDer::pem_slice_iter(&bytes).take(MAX_LISTS);
            for list in found {
                let unusable = |why: String| LoadError::new(path, LoadErrorKind::Pem(why));
                let list = list.map_err(|error| unusable(error.to_string()))?;
                lists.push(revoked_by(path, &list, &certificates)?);
            }
            authorities.extend(certificates);
        }
        Ok(Self { authorities, lists })
    }

    /// Whether a certificate of the chain was revoked. `stapled`: the OCSP response about the first one; empty: there is none.
    pub(super) fn is_revoked(
        &self,
        certificate: &X509Certificate<'_>,
        intermediates: &[CertificateDer<'_>],
        stapled: &[u8],
        now: SystemTime,
    ) -> bool {
        let listed = self.is_listed(certificate)
            || intermediates.iter().any(|der| {
                X509Certificate::from_der(der).is_ok_and(|(_, parsed)| self.is_listed(&parsed))
            });
        if listed {
            return true;
        }
        // Looking for the issuer verifies a signature: most responses say that nothing is wrong.
        let Some(response) = stapled::revoking(stapled) else {
            return false;
        };
        let issuers = intermediates.iter().chain(&self.authorities);
        let mut issuers = issuers.filter_map(|der| Some(X509Certificate::from_der(der).ok()?.1));
        let issuer = issuers.find(|issuer| is_issued_by(certificate, issuer));
        issuer.is_some_and(|issuer| stapled::revokes(&response, certificate, &issuer, now))
    }

    fn is_listed(&self, certificate: &X509Certificate<'_>) -> bool {
        let serial = without_zeros(certificate.raw_serial());
        let mut lists = self.lists.iter();
        lists.any(|list| {
            list.serials.contains(serial)
                && X509Certificate::from_der(&list.authority)
                    .is_ok_and(|(_, authority)| is_issued_by(certificate, &authority))
        })
    }
}

fn revoked_by(
    path: &Path,
    list: &[u8],
    certificates: &[CertificateDer<'static>],
) -> Result<RevokedBy, LoadError> {
    let unusable = |why: &str| {
        let why = format!("a revocation list {why}");
        Err(LoadError::new(path, LoadErrorKind::BadCertificate(why)))
    };
    let Ok((_, list)) = CertificateRevocationList::from_der(list) else {
        return unusable("cannot be read");
    };
    let mut signers = certificates.iter().filter(|der| {
        X509Certificate::from_der(der).is_ok_and(|(_, signer)| {
            signer.subject() == list.issuer() && list.verify_signature(signer.public_key()).is_ok()
        })
    });
    let Some(authority) = signers.next() else {
        return unusable("is not signed by a certificate of that file");
    };
    let revoked = list.iter_revoked_certificates();
    Ok(RevokedBy {
        authority: authority.clone(),
        serials: revoked
            .map(|entry| without_zeros(entry.raw_serial()).into())
            .collect(),
    })
}
