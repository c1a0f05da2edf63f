//! Revocation, where data is at hand: the response that a server staples to its handshake, and the revocation lists (CRLs)
//! in the files of the configuration. Nobody is asked over the network. A certificate can demand a stapled response (RFC 7633).

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

use der::Decode;

use issuer::{is_issued_by, without_zeros};
use stapled::Status;

use super::fault::CertificateFault;
use crate::error::{LoadError, LoadErrorKind};
use crate::pem;

/// The most revocation lists in one file.
const MAX_LISTS: usize = 100;
/// id-pe-tlsfeature.
const TLS_FEATURE: &str = "1.3.6.1.5.5.7.1.24";
/// The TLS extension by which a client asks for a stapled response (RFC 6066, section 8).
const STATUS_REQUEST: u16 = 5;

/// What is known of revoked certificates.
#[derive(Debug, Default)]
pub struct Revocation {
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
    pub fn load(files: &[PathBuf]) -> Result<Self, LoadError> {
        let mut known = Self::default();
        for path in files {
            known.add(path, &pem::read_file(path)?)?;
        }
        Ok(known)
    }

    /// Adds the certificates and revocation lists of one file. `path` is for the error.
    ///
    /// # Errors
    /// As [`Revocation::load`].
    pub fn add(&mut self, path: &Path, bytes: &[u8]) -> Result<(), LoadError> {
        let certificates = pem::certificates(path, bytes)?;
        for list in CertificateRevocationListDer::pem_slice_iter(bytes).take(MAX_LISTS) {
            let unusable = |why: String| LoadError::new(path, LoadErrorKind::Pem(why));
            let list = list.map_err(|error| unusable(error.to_string()))?;
            self.lists.push(revoked_by(path, &list, &certificates)?);
        }
        self.authorities.extend(certificates);
        Ok(())
    }

    /// What is wrong with a server's certificate or its chain. `stapled`: the OCSP response about the certificate; empty: there
    /// is none.
    pub fn fault_of(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        stapled: &[u8],
        now: SystemTime,
    ) -> Option<CertificateFault> {
        let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
        self.fault(&certificate, intermediates, stapled, now)
    }

    pub(super) fn fault(
        &self,
        certificate: &X509Certificate<'_>,
        intermediates: &[CertificateDer<'_>],
        stapled: &[u8],
        now: SystemTime,
    ) -> Option<CertificateFault> {
        let listed = self.is_listed(certificate)
            || intermediates.iter().any(|der| {
                X509Certificate::from_der(der).is_ok_and(|(_, parsed)| self.is_listed(&parsed))
            });
        if listed {
            return Some(CertificateFault::Revoked);
        }
        let response = stapled::read(stapled);
        let demanded = demands_staple(certificate);
        // Looking for the issuer verifies a signature: most responses say that nothing is wrong.
        if !demanded && !response.as_ref().is_some_and(stapled::says_revoked) {
            return None;
        }
        let status = response.and_then(|response| {
            let issuers = intermediates.iter().chain(&self.authorities);
            let mut issuers =
                issuers.filter_map(|der| Some(X509Certificate::from_der(der).ok()?.1));
            let issuer = issuers.find(|issuer| is_issued_by(certificate, issuer))?;
            stapled::status(&response, certificate, &issuer, now)
        });
        match status {
            Some(Status::Revoked) => Some(CertificateFault::Revoked),
            None if demanded => Some(CertificateFault::NoStaple),
            Some(Status::Good) | None => None,
        }
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

/// Whether the certificate says that its server always staples a response.
fn demands_staple(certificate: &X509Certificate<'_>) -> bool {
    let mut extensions = certificate.extensions().iter();
    let found = extensions.find(|extension| extension.oid.to_id_string() == TLS_FEATURE);
    found
        .and_then(|extension| <Vec<u16> as Decode>::from_der(extension.value).ok())
        .is_some_and(|features| features.contains(&STATUS_REQUEST))
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
