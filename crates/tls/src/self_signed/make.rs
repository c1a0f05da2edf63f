//! Makes the authority's and the machine's certificate.

use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType,
};

use super::store::Stored;
use crate::certificate::Fingerprint;
use crate::names::CertificateName;

pub(crate) const DAY: Duration = Duration::from_secs(86_400);
/// How long the authority is valid. It is replaced only after its end: clients have to trust the new one again.
const CA_VALIDITY: Duration = DAY.saturating_mul(3650);
/// How long the machine's certificate is valid: what browsers allow.
const LEAF_VALIDITY: Duration = DAY.saturating_mul(397);
/// Validity starts this long before the certificate is made, for clients whose clocks are slow.
const CLOCK_SKEW: Duration = DAY;

/// An authority that may sign certificates, but no further authorities. `name`: the beginning of its common name.
pub(crate) fn authority(name: &str, now: SystemTime) -> Result<Stored, String> {
    let key = new_key()?;
    let mut params = params(now, now + CA_VALIDITY)?;
    // Two installations' authorities have to be told apart in a list.
    let digest = Fingerprint::of(&key.subject_public_key_info()).to_string();
    let number: String = digest.chars().filter(|c| *c != ':').take(8).collect();
    let common_name = format!("{name} {number}");
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let made = params.self_signed(&key).map_err(text)?;
    Stored::new(made.der().clone(), key)
}

/// A server's certificate for these names.
pub(super) fn leaf(
    authority: &Stored,
    names: &[CertificateName],
    now: SystemTime,
) -> Result<Stored, String> {
    let key = new_key()?;
    let end = (now + LEAF_VALIDITY).min(authority.facts.not_after);
    let mut params = leaf_params(names, now, end)?;
    params.distinguished_name.push(DnType::CommonName, "Privet");
    let issuer = Issuer::from_ca_cert_der(&authority.certificate, &authority.key).map_err(text)?;
    let made = params.signed_by(&key, &issuer).map_err(text)?;
    Stored::new(made.der().clone(), key)
}

/// A server's certificate for these names, without a subject.
pub(crate) fn leaf_params(
    names: &[CertificateName],
    now: SystemTime,
    end: SystemTime,
) -> Result<CertificateParams, String> {
    let mut params = params(now, end)?;
    params.subject_alt_names = names
        .iter()
        .map(alternative_name)
        .collect::<Result<_, _>>()?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

pub(crate) fn new_key() -> Result<KeyPair, String> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(text)
}

/// Validity in whole days, from [`CLOCK_SKEW`] ago to `end`.
fn params(now: SystemTime, end: SystemTime) -> Result<CertificateParams, String> {
    let date = |at: SystemTime| {
        let at = jiff::Timestamp::try_from(at).map_err(|error| error.to_string())?;
        let date = jiff::tz::Offset::UTC.to_datetime(at).date();
        let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
        Ok::<_, String>(rcgen::date_time_ymd(date.year().into(), month, day))
    };
    let mut params = CertificateParams::default();
    params.not_before = date(now - CLOCK_SKEW)?;
    params.not_after = date(end)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    Ok(params)
}

fn alternative_name(name: &CertificateName) -> Result<SanType, String> {
    Ok(match name {
        CertificateName::Address(address) => SanType::IpAddress(*address),
        name => SanType::DnsName(name.to_string().try_into().map_err(text)?),
    })
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
