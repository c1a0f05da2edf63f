//! An OCSP response (RFC 6960) that a server staples to its handshake (RFC 6066, section 8).

use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use der::{Decode, Encode};
use x509_ocsp::{BasicOcspResponse, CertId, CertStatus, OcspResponse, SingleResponse};
use x509_parser::asn1_rs::BitString;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;
use x509_parser::verify::verify_signature;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo};

use super::issuer::{is_issued_by, without_zeros};

/// id-pkix-ocsp-basic.
const BASIC: &str = "1.3.6.1.5.5.7.48.1.1";
/// The most certificates of responders that are looked at.
const MAX_RESPONDERS: usize = 4;
const SHA1: &str = "1.3.14.3.2.26";
const SHA2: &str = "2.16.840.1.101.3.4.2.1";

/// A response is not of the future, but for clocks that differ by so much.
const SKEW: Duration = Duration::from_secs(300);
/// How long a response holds that does not say until when.
const HOLDS: Duration = Duration::from_secs(7 * 86_400);

/// What a response says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Good,
    Revoked,
}

/// One that cannot be read says nothing.
pub(super) fn read(response: &[u8]) -> Option<BasicOcspResponse> {
    if response.is_empty() {
        return None;
    }
    let response = OcspResponse::from_der(response).ok()?.response_bytes?;
    if response.response_type.to_string() != BASIC {
        return None;
    }
    BasicOcspResponse::from_der(response.response.as_bytes()).ok()
}

/// Whether it says of any certificate that it was revoked, truly or not.
pub(super) fn says_revoked(response: &BasicOcspResponse) -> bool {
    response.tbs_response_data.responses.iter().any(is_revoked)
}

/// What the response says of the certificate, if it may. What is revoked stays so: an old response counts too. `None`: nothing
/// that holds now.
pub(super) fn status(
    response: &BasicOcspResponse,
    certificate: &X509Certificate<'_>,
    issuer: &X509Certificate<'_>,
    now: SystemTime,
) -> Option<Status> {
    let said = response.tbs_response_data.responses.iter();
    let mut said = said
        .filter(|single| is_about(&single.cert_id, certificate, issuer))
        .peekable();
    said.peek()?;
    if !is_authorized(response, issuer, now) {
        return None;
    }
    let mut good = None;
    for single in said {
        match single.cert_status {
            CertStatus::Revoked(_) => return Some(Status::Revoked),
            CertStatus::Good(_) if holds(single, now) => good = Some(Status::Good),
            CertStatus::Good(_) | CertStatus::Unknown(_) => {}
        }
    }
    good
}

/// Section 4.2.2.1.
fn holds(single: &SingleResponse, now: SystemTime) -> bool {
    let from = single.this_update.0.to_system_time();
    let until = match &single.next_update {
        Some(until) => Some(until.0.to_system_time()),
        None => from.checked_add(HOLDS),
    };
    from <= now + SKEW && until.is_some_and(|until| now <= until)
}

fn is_revoked(single: &SingleResponse) -> bool {
    matches!(single.cert_status, CertStatus::Revoked(_))
}

fn is_about(id: &CertId, certificate: &X509Certificate<'_>, issuer: &X509Certificate<'_>) -> bool {
    let algorithm = match id.hash_algorithm.oid.to_string().as_str() {
        SHA1 => &SHA1_FOR_LEGACY_USE_ONLY,
        SHA2 => &SHA256,
        _ => return false,
    };
    let is_of = |hash: &[u8], bytes: &[u8]| digest::digest(algorithm, bytes).as_ref() == hash;
    without_zeros(id.serial_number.as_bytes()) == without_zeros(certificate.raw_serial())
        && is_of(id.issuer_name_hash.as_bytes(), issuer.subject().as_raw())
        && is_of(
            id.issuer_key_hash.as_bytes(),
            &issuer.public_key().subject_public_key.data,
        )
}

/// Whether the issuer signed the response, or one whom it lets do that (section 4.2.2.2).
fn is_authorized(
    response: &BasicOcspResponse,
    issuer: &X509Certificate<'_>,
    now: SystemTime,
) -> bool {
    if is_signed_by(response, issuer.public_key()) {
        return true;
    }
    let mut responders = response.certs.iter().flatten().take(MAX_RESPONDERS);
    responders.any(|responder| {
        let Ok(der) = responder.to_der() else {
            return false;
        };
        X509Certificate::from_der(&der).is_ok_and(|(_, responder)| {
            is_responder(&responder, now)
                && is_issued_by(&responder, issuer)
                && is_signed_by(response, responder.public_key())
        })
    })
}

fn is_responder(certificate: &X509Certificate<'_>, now: SystemTime) -> bool {
    let since = now.duration_since(SystemTime::UNIX_EPOCH);
    let seconds = i64::try_from(since.as_ref().map_or(0, Duration::as_secs));
    let at = seconds
        .ok()
        .and_then(|at| ASN1Time::from_timestamp(at).ok());
    let usage = certificate.extended_key_usage().ok().flatten();
    usage.is_some_and(|usage| usage.value.ocsp_signing)
        && at.is_some_and(|at| certificate.validity().is_valid_at(at))
}

fn is_signed_by(response: &BasicOcspResponse, key: &SubjectPublicKeyInfo<'_>) -> bool {
    let (Ok(signed), Ok(algorithm)) = (
        response.tbs_response_data.to_der(),
        response.signature_algorithm.to_der(),
    ) else {
        return false;
    };
    let signature = response
        .signature
        .as_bytes()
        .map(|bytes| BitString::new(0, bytes));
    let (Ok((_, algorithm)), Some(signature)) =
        (AlgorithmIdentifier::from_der(&algorithm), signature)
    else {
        return false;
    };
    verify_signature(key, &algorithm, &signature, &signed).is_ok()
}
