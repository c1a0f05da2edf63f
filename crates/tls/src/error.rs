//! Why certificates cannot be used, and what is worth a warning.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A certificate, a key or an authority file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadError {
    pub path: PathBuf,
    pub kind: LoadErrorKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadErrorKind {
    /// The system's words.
    Read(String),
    Pem(String),
    NoCertificate,
    NoKey,
    EncryptedKey,
    /// The key in this file does not belong to the certificate in `certificate`.
    KeyMismatch {
        certificate: PathBuf,
    },
    /// The key is of a kind that cannot be used.
    UnsupportedKey(String),
    BadCertificate(String),
    /// A name that is neither a host name, nor `*.` before one, nor an address.
    BadName(String),
    /// Two certificates are given for one name.
    DuplicateName(String),
    /// The certificate names no host and no address.
    NoName,
    /// TLS cannot be set up.
    Setup(String),
}

impl LoadError {
    pub(crate) fn new(path: &Path, kind: LoadErrorKind) -> Self {
        Self {
            path: path.to_owned(),
            kind,
        }
    }

    /// What to do about it.
    pub fn fix(&self) -> &'static str {
        use LoadErrorKind as K;
        match self.kind {
            K::Read(_) => "check the path, and that Privet may read the file",
            K::Pem(_) | K::NoCertificate | K::BadCertificate(_) => {
                "give a PEM file that begins with -----BEGIN CERTIFICATE-----"
            }
            K::NoKey => "give a PEM file that begins with -----BEGIN PRIVATE KEY-----",
            K::EncryptedKey => {
                "write the key without a password: openssl pkey -in old.pem -out new.pem"
            }
            K::KeyMismatch { .. } => "give the key that the certificate was made with",
            K::UnsupportedKey(_) => "use an ECDSA P-256, Ed25519 or RSA key",
            K::BadName(_) => "write a host name, *.NAME or an IP address",
            K::DuplicateName(_) => "give one certificate for each name",
            K::NoName => "use a certificate with a subjectAltName",
            K::Setup(_) => "report this as a bug",
        }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use LoadErrorKind as K;
        let path = self.path.display();
        match &self.kind {
            K::Read(why) => write!(f, "{path} cannot be read: {why}"),
            K::Pem(why) => write!(f, "{path} is not valid PEM: {why}"),
            K::NoCertificate => write!(f, "{path} holds no certificate"),
            K::NoKey => write!(f, "{path} holds no private key"),
            K::EncryptedKey => write!(f, "the key in {path} is protected by a password"),
            K::KeyMismatch { certificate } => write!(
                f,
                "the key in {path} does not belong to the certificate in {}",
                certificate.display()
            ),
            K::UnsupportedKey(why) => write!(f, "the key in {path} cannot be used: {why}"),
            K::BadCertificate(why) => write!(f, "the certificate in {path} is not valid: {why}"),
            K::BadName(name) => write!(f, "{name:?} is no name for the certificate in {path}"),
            K::DuplicateName(name) => {
                write!(f, "{path}: another certificate is given for {name} too")
            }
            K::NoName => write!(f, "the certificate in {path} names no host and no address"),
            K::Setup(why) => write!(f, "TLS cannot be set up with {path}: {why}"),
        }
    }
}

impl std::error::Error for LoadError {}

/// Something about a certificate that works and should be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateWarning {
    pub path: PathBuf,
    pub kind: CertificateWarningKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateWarningKind {
    Expired {
        at: SystemTime,
    },
    /// Within [`EXPIRES_SOON`](crate::EXPIRES_SOON).
    ExpiresSoon {
        at: SystemTime,
    },
    NotYetValid {
        from: SystemTime,
    },
    /// A name that is served with the certificate is not in it: clients refuse it.
    NameNotCovered(String),
    /// Other users may read the key file (mode in octal).
    KeyReadable {
        mode: u32,
    },
}

impl CertificateWarning {
    /// What to do about it.
    pub fn fix(&self) -> &'static str {
        use CertificateWarningKind as K;
        match self.kind {
            K::Expired { .. } | K::ExpiresSoon { .. } => {
                "renew the certificate; the file is read again when it changes"
            }
            K::NotYetValid { .. } => "check this machine's clock and the certificate",
            K::NameNotCovered(_) => "use a certificate that contains the name",
            K::KeyReadable { .. } => "chmod 600 the key file",
        }
    }
}

impl fmt::Display for CertificateWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use CertificateWarningKind as K;
        let path = self.path.display();
        match &self.kind {
            K::Expired { at } => write!(f, "the certificate in {path} expired {}", Date(*at)),
            K::ExpiresSoon { at } => write!(f, "the certificate in {path} expires {}", Date(*at)),
            K::NotYetValid { from } => {
                write!(
                    f,
                    "the certificate in {path} is not valid before {:#}",
                    Date(*from)
                )
            }
            K::NameNotCovered(name) => write!(f, "the certificate in {path} is not for {name}"),
            K::KeyReadable { mode } => {
                write!(
                    f,
                    "the key in {path} can be read by other users (mode {mode:o})"
                )
            }
        }
    }
}

/// `on 2026-11-29`, in UTC; with `#` without "on".
pub struct Date(pub SystemTime);

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::try_from(self.0) {
            Ok(at) if f.alternate() => write!(f, "{}", at.strftime("%Y-%m-%d")),
            Ok(at) => write!(f, "on {}", at.strftime("%Y-%m-%d")),
            Err(_) => f.write_str("at an unknown time"),
        }
    }
}
