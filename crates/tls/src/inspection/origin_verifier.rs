//! Judges an origin's certificate: by the system's authorities and those of the configuration, and by checks of our own that
//! name what the library calls a bad signature.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::client::danger::{ServerCertVerified, ServerCertVerifier};
use rustls::{CertificateError, Error, OtherError};
use rustls_pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;

use super::fault::{CertificateFault, name};
use super::revocation::Revocation;
use crate::certificate::CertificateFacts;
use crate::client::{PresentedCertificate, VerifyCertificate, system_verifier};
use crate::error::LoadError;

/// Shorter RSA keys are refused (NIST SP 800-131A).
const MIN_RSA: usize = 2048;
/// Shorter elliptic-curve keys are refused.
const MIN_EC: usize = 256;
/// Object identifiers of signatures with digests that are broken.
const WEAK_SIGNATURES: [(&str, &str); 6] = [
    ("1.2.840.113549.1.1.2", "MD2"),
    ("1.2.840.113549.1.1.4", "MD5"),
    ("1.2.840.113549.1.1.5", "SHA-1"),
    ("1.3.14.3.2.29", "SHA-1"),
    ("1.2.840.10040.4.3", "SHA-1"),
    ("1.2.840.10045.4.1", "SHA-1"),
];

/// The faults of a certificate, as the error of a handshake.
#[derive(Debug, thiserror::Error)]
#[error("the certificate is not acceptable")]
pub(super) struct Faults(pub(super) Vec<CertificateFault>);

/// The verifier of inspected origins.
#[derive(Debug)]
pub(super) struct OriginVerifier {
    inner: Arc<dyn ServerCertVerifier>,
    /// Certificates of our own authority, which are never accepted.
    own: CertificateDer<'static>,
    revocation: Revocation,
}

impl OriginVerifier {
    /// `trust`: PEM files of authorities beside the system's, and of their revocation lists. Blocks on the disk.
    pub(super) fn new(trust: &[PathBuf], own: CertificateDer<'static>) -> Result<Self, LoadError> {
        Ok(Self {
            inner: system_verifier(trust)?,
            own,
            revocation: Revocation::load(trust)?,
        })
    }

    /// `refused`: why the library does not accept it.
    fn faults(
        &self,
        shown: PresentedCertificate<'_>,
        refused: Option<&Error>,
    ) -> Vec<CertificateFault> {
        let PresentedCertificate {
            certificate: end_entity,
            intermediates,
            ocsp_response: stapled,
            ..
        } = shown;
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(shown.now.as_secs());
        let Ok((_, certificate)) = X509Certificate::from_der(end_entity) else {
            return vec![CertificateFault::Other("it cannot be read".to_owned())];
        };
        let mut faults = Vec::new();
        if self.is_of_own_authority(&certificate, end_entity) {
            faults.push(CertificateFault::OwnAuthority);
        }
        weaknesses(&certificate, &mut faults);
        let revocation = &self.revocation;
        faults.extend(revocation.fault(&certificate, intermediates, stapled, now));
        let Some(refused) = refused else {
            return faults;
        };
        // The library stops at the first certificate that it cannot use: what is weak about the others is worth saying.
        for intermediate in intermediates {
            if let Ok((_, parsed)) = X509Certificate::from_der(intermediate)
                && parsed.subject() != parsed.issuer()
            {
                weaknesses(&parsed, &mut faults);
            }
        }
        validity(end_entity, now, &mut faults);
        if let Some(fault) = named(refused, &certificate, end_entity, &faults) {
            faults.push(fault);
        }
        faults
    }

    fn is_of_own_authority(
        &self,
        certificate: &X509Certificate<'_>,
        der: &CertificateDer<'_>,
    ) -> bool {
        let Ok((_, own)) = X509Certificate::from_der(&self.own) else {
            return false;
        };
        *der == self.own
            || certificate.issuer() == own.subject()
                && certificate.verify_signature(Some(own.public_key())).is_ok()
    }
}

fn validity(der: &CertificateDer<'_>, now: SystemTime, faults: &mut Vec<CertificateFault>) {
    let Ok(facts) = CertificateFacts::read(der) else {
        return;
    };
    if now > facts.not_after {
        faults.push(CertificateFault::Expired {
            at: facts.not_after,
        });
    }
    if now < facts.not_before {
        faults.push(CertificateFault::NotYetValid {
            from: facts.not_before,
        });
    }
}

/// What the library's error means, unless that is among the faults already.
fn named(
    error: &Error,
    certificate: &X509Certificate<'_>,
    der: &CertificateDer<'_>,
    known: &[CertificateFault],
) -> Option<CertificateFault> {
    use CertificateError as C;
    use CertificateFault as F;
    let has = |code: &str| known.iter().any(|fault| fault.code() == code);
    let Error::InvalidCertificate(why) = error else {
        return Some(F::Other(error.to_string()));
    };
    match why {
        C::Expired | C::ExpiredContext { .. } | C::NotValidYet | C::NotValidYetContext { .. } => {
            (!has("expired") && !has("not-yet-valid")).then_some(F::ChainNotValid)
        }
        C::NotValidForName | C::NotValidForNameContext { .. } => Some(F::WrongName {
            names: CertificateFacts::read(der)
                .map(|facts| facts.names.iter().map(ToString::to_string).collect())
                .unwrap_or_default(),
        }),
        C::Revoked => (!has("revoked")).then_some(F::Revoked),
        C::UnknownIssuer if has("own-authority") => None,
        _ if is_self_signed(certificate) => Some(F::SelfSigned),
        // A weak signature or key is what the library could not verify.
        C::BadSignature if has("weak-signature") || has("weak-key") => None,
        // Of an authority of the same name with another key.
        C::UnknownIssuer | C::BadSignature => Some(F::UntrustedIssuer {
            issuer: name(certificate.issuer()),
        }),
        _ if has("weak-signature") || has("weak-key") => None,
        other => Some(F::Other(format!("{other:?}"))),
    }
}

/// Whether its own key signed it. A signature of a weak kind cannot be verified here: its names have to be enough.
fn is_self_signed(certificate: &X509Certificate<'_>) -> bool {
    certificate.subject() == certificate.issuer()
        && (weak_signature(certificate).is_some() || certificate.verify_signature(None).is_ok())
}

fn weak_signature(certificate: &X509Certificate<'_>) -> Option<&'static str> {
    let oid = certificate.signature_algorithm.algorithm.to_id_string();
    let known = WEAK_SIGNATURES.iter().find(|(known, _)| *known == oid);
    known.map(|(_, name)| *name)
}

fn weaknesses(certificate: &X509Certificate<'_>, faults: &mut Vec<CertificateFault>) {
    if let Some(algorithm) = weak_signature(certificate) {
        push(faults, CertificateFault::WeakSignature { algorithm });
    }
    if let Some(key) = weak_key(certificate) {
        push(faults, CertificateFault::WeakKey { key });
    }
}

fn push(faults: &mut Vec<CertificateFault>, fault: CertificateFault) {
    if !faults.contains(&fault) {
        faults.push(fault);
    }
}

fn weak_key(certificate: &X509Certificate<'_>) -> Option<String> {
    let parsed = certificate.public_key().parsed().ok()?;
    let bits = parsed.key_size();
    match parsed {
        PublicKey::RSA(_) if bits < MIN_RSA => Some(format!("RSA with {bits} bits")),
        PublicKey::EC(_) if bits < MIN_EC => Some(format!("an elliptic curve of {bits} bits")),
        PublicKey::DSA(_) => Some("DSA".to_owned()),
        _ => None,
    }
}

impl VerifyCertificate for OriginVerifier {
    fn verify(&self, shown: PresentedCertificate<'_>) -> Result<ServerCertVerified, Error> {
        let verified = shown.verified_by(&*self.inner);
        let faults = self.faults(shown, verified.as_ref().err());
        match (faults.is_empty(), verified) {
            (true, verified) => verified,
            (false, _) => Err(Error::InvalidCertificate(CertificateError::Other(
                OtherError(Arc::new(Faults(faults))),
            ))),
        }
    }
}
