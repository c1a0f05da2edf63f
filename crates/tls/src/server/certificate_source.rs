//! A certificate that is configured, and what is demanded of the clients of its names.

use std::path::PathBuf;

/// A certificate, and what it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateSource {
    /// Host names, `*.` before a host name, and addresses. Empty: those in the certificate.
    pub names: Vec<String>,
    /// PEM file with the certificate and its chain.
    pub cert: PathBuf,
    /// PEM file with the key; may be the same file.
    pub key: PathBuf,
    pub demands: TlsDemands,
}

/// What the server demands of the clients of a name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct TlsDemands {
    pub min_version: MinVersion,
    pub client_certificate: ClientCertificate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MinVersion {
    #[default]
    Tls12,
    Tls13,
}

/// Whether clients show a certificate. The file holds the authorities that may sign it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum ClientCertificate {
    #[default]
    None,
    /// One that is shown has to be valid.
    Optional(PathBuf),
    Required(PathBuf),
}

impl ClientCertificate {
    pub(super) fn authorities(&self) -> Option<&PathBuf> {
        match self {
            Self::None => None,
            Self::Optional(path) | Self::Required(path) => Some(path),
        }
    }
}
