//! A certificate with its key, read from files and checked.

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest;
use rustls::sign::CertifiedKey;
use rustls_pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use crate::error::{CertificateWarning, CertificateWarningKind, LoadError, LoadErrorKind};
use crate::names::CertificateName;
use crate::pem;
use crate::provider::provider;

/// How long before its end a certificate is warned about.
pub const EXPIRES_SOON: Duration = Duration::from_secs(14 * 86_400);

/// What a certificate says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    pub not_before: SystemTime,
    pub not_after: SystemTime,
    /// Its subjectAltName, without kinds of names other than hosts and addresses.
    pub names: Vec<CertificateName>,
    /// SHA-256 of the whole certificate.
    pub fingerprint: Fingerprint,
    /// SHA-256 of its public key (subjectPublicKeyInfo).
    pub key_fingerprint: Fingerprint,
}

/// A SHA-256 digest. Displayed as hexadecimal bytes with colons between them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let digest = digest::digest(&digest::SHA256, bytes);
        let mut out = [0; 32];
        out.copy_from_slice(digest.as_ref());
        Self(out)
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            let colon = if at == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

impl std::str::FromStr for Fingerprint {
    type Err = NotAFingerprint;

    /// 64 hexadecimal digits, with or without colons between the bytes.
    fn from_str(text: &str) -> Result<Self, NotAFingerprint> {
        let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
        let mut out = [0; 32];
        if digits.len() != 2 * out.len() || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(NotAFingerprint);
        }
        for (byte, pair) in out.iter_mut().zip(digits.chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| NotAFingerprint)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| NotAFingerprint)?;
        }
        Ok(Self(out))
    }
}

/// The text is no SHA-256 digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 fingerprint has 64 hexadecimal digits")]
pub struct NotAFingerprint;

impl CertificateFacts {
    /// # Errors
    /// Why it is no X.509 certificate.
    pub fn read(certificate: &CertificateDer<'_>) -> Result<Self, String> {
        let (rest, parsed) =
            X509Certificate::from_der(certificate).map_err(|error| error.to_string())?;
        if !rest.is_empty() {
            return Err("bytes follow the certificate".to_owned());
        }
        let names = parsed
            .subject_alternative_name()
            .map_err(|error| error.to_string())?
            .map(|extension| {
                extension
                    .value
                    .general_names
                    .iter()
                    .filter_map(name)
                    .collect()
            });
        let validity = parsed.validity();
        Ok(Self {
            not_before: system_time(validity.not_before.timestamp()),
            not_after: system_time(validity.not_after.timestamp()),
            names: names.unwrap_or_default(),
            fingerprint: Fingerprint::of(certificate),
            key_fingerprint: Fingerprint::of(parsed.tbs_certificate.subject_pki.raw),
        })
    }

    /// Whether the certificate is valid for a name. A served wildcard has to be in it as such.
    pub fn covers(&self, name: &CertificateName) -> bool {
        self.names.iter().any(|own| own.covers(name))
    }

    /// What is wrong with its validity at `now`.
    pub fn validity_warning(&self, now: SystemTime) -> Option<CertificateWarningKind> {
        use CertificateWarningKind as K;
        if now < self.not_before {
            return Some(K::NotYetValid {
                from: self.not_before,
            });
        }
        if now > self.not_after {
            return Some(K::Expired { at: self.not_after });
        }
        (now + EXPIRES_SOON > self.not_after).then_some(K::ExpiresSoon { at: self.not_after })
    }
}

fn name(general: &GeneralName<'_>) -> Option<CertificateName> {
    match general {
        GeneralName::DNSName(name) => match name.parse().ok()? {
            CertificateName::Address(_) => None,
            name => Some(name),
        },
        GeneralName::IPAddress(bytes) => {
            let address = match bytes.len() {
                4 => IpAddr::from(<[u8; 4]>::try_from(*bytes).ok()?),
                _ => IpAddr::from(<[u8; 16]>::try_from(*bytes).ok()?),
            };
            Some(CertificateName::Address(address.to_canonical()))
        }
        _ => None,
    }
}

/// From seconds since 1970.
fn system_time(seconds: i64) -> SystemTime {
    let duration = Duration::from_secs(seconds.unsigned_abs());
    let at = match seconds < 0 {
        true => SystemTime::UNIX_EPOCH.checked_sub(duration),
        false => SystemTime::UNIX_EPOCH.checked_add(duration),
    };
    at.unwrap_or(SystemTime::UNIX_EPOCH)
}

/// The files of a certificate and its key, as they were read.
pub(crate) struct CertificateFiles {
    cert: Vec<u8>,
    key: Vec<u8>,
    /// Digest of both files: the same digest is the same certificate.
    pub(crate) content: Fingerprint,
    pub(crate) warnings: Vec<CertificateWarning>,
}

/// A certificate chain with its key.
pub(crate) struct LoadedCertificate {
    pub(crate) key: Arc<CertifiedKey>,
    pub(crate) facts: CertificateFacts,
}

/// Reads a certificate and its key. Blocks on the disk.
pub(crate) fn read(cert: &Path, key: &Path) -> Result<CertificateFiles, LoadError> {
    let warnings = readable_key(key).into_iter().collect();
    let (cert, key) = (pem::read_file(cert)?, pem::read_file(key)?);
    let parts = [Fingerprint::of(&cert).0, Fingerprint::of(&key).0];
    Ok(CertificateFiles {
        content: Fingerprint::of(parts.as_flattened()),
        warnings,
        cert,
        key,
    })
}

/// Checks what was read from these files.
pub(crate) fn parse(
    files: &CertificateFiles,
    cert: &Path,
    key: &Path,
) -> Result<LoadedCertificate, LoadError> {
    let chain = pem::certificates(cert, &files.cert)?;
    let private = pem::private_key(key, &files.key)?;
    let first = chain
        .first()
        .ok_or_else(|| LoadError::new(cert, LoadErrorKind::NoCertificate))?;
    let facts = CertificateFacts::read(first)
        .map_err(|why| LoadError::new(cert, LoadErrorKind::BadCertificate(why)))?;
    let certified = CertifiedKey::from_der(chain, private, &provider()).map_err(|error| {
        let mismatch = LoadErrorKind::KeyMismatch {
            certificate: cert.to_owned(),
        };
        match error {
            rustls::Error::InconsistentKeys(_) => LoadError::new(key, mismatch),
            rustls::Error::InvalidCertificate(why) => {
                LoadError::new(cert, LoadErrorKind::BadCertificate(format!("{why:?}")))
            }
            other => LoadError::new(key, LoadErrorKind::UnsupportedKey(other.to_string())),
        }
    })?;
    Ok(LoadedCertificate {
        key: Arc::new(certified),
        facts,
    })
}

#[cfg(unix)]
fn readable_key(key: &Path) -> Option<CertificateWarning> {
    use std::os::unix::fs::MetadataExt;
    let mode = fs::metadata(key).ok()?.mode() & 0o777;
    (mode & 0o077 != 0).then(|| CertificateWarning {
        path: key.to_owned(),
        kind: CertificateWarningKind::KeyReadable { mode },
    })
}

#[cfg(not(unix))]
fn readable_key(_: &Path) -> Option<CertificateWarning> {
    None
}
