//! What is wrong with an origin's certificate, in words that a person can act on.

use std::fmt;
use std::time::SystemTime;

use rustls_pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use crate::error::Date;

/// The most names of a certificate that are listed.
const MAX_LISTED: usize = 5;

/// Something that makes a certificate unacceptable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateFault {
    Expired {
        at: SystemTime,
    },
    NotYetValid {
        from: SystemTime,
    },
    /// It is for these names only.
    WrongName {
        names: Vec<String>,
    },
    SelfSigned,
    /// No authority that is trusted signed it.
    UntrustedIssuer {
        issuer: String,
    },
    /// It is signed with a digest that is broken.
    WeakSignature {
        algorithm: &'static str,
    },
    WeakKey {
        key: String,
    },
    Revoked,
    /// It demands that an OCSP response is stapled to the handshake (RFC 7633), and none that holds was.
    NoStaple,
    /// Another certificate of its chain is expired or not valid yet.
    ChainNotValid,
    /// The inspection authority of this installation signed it: it is not for origins.
    OwnAuthority,
    Other(String),
}

impl CertificateFault {
    /// A stable key.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Expired { .. } => "expired",
            Self::NotYetValid { .. } => "not-yet-valid",
            Self::WrongName { .. } => "wrong-name",
            Self::SelfSigned => "self-signed",
            Self::UntrustedIssuer { .. } => "untrusted",
            Self::WeakSignature { .. } => "weak-signature",
            Self::WeakKey { .. } => "weak-key",
            Self::Revoked => "revoked",
            Self::NoStaple => "no-staple",
            Self::ChainNotValid => "chain-not-valid",
            Self::OwnAuthority => "own-authority",
            Self::Other(_) => "not-valid",
        }
    }
}

impl fmt::Display for CertificateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired { at } => write!(f, "it expired {}", Date(*at)),
            Self::NotYetValid { from } => write!(f, "it is not valid before {:#}", Date(*from)),
            Self::WrongName { names } if names.is_empty() => f.write_str("it names no host"),
            Self::WrongName { names } => {
                let listed: Vec<&str> = names.iter().take(MAX_LISTED).map(String::as_str).collect();
                write!(f, "it is for another name: {}", listed.join(", "))?;
                match names.len() > MAX_LISTED {
                    true => write!(f, " and {} more", names.len() - MAX_LISTED),
                    false => Ok(()),
                }
            }
            Self::SelfSigned => f.write_str("it is self-signed: no authority vouches for it"),
            Self::UntrustedIssuer { issuer } => {
                write!(f, "it is signed by {issuer}, which is not trusted here")
            }
            Self::WeakSignature { algorithm } => {
                write!(f, "it is signed with {algorithm}, which can be forged")
            }
            Self::WeakKey { key } => write!(f, "its key is too weak: {key}"),
            Self::Revoked => f.write_str("it was revoked"),
            Self::NoStaple => f.write_str(
                "it demands an OCSP response with each handshake, and the server sent none that is valid",
            ),
            Self::ChainNotValid => {
                f.write_str("a certificate between it and its authority is expired or not valid yet")
            }
            Self::OwnAuthority => f.write_str(
                "it is signed by this installation's inspection authority, which is not for servers",
            ),
            Self::Other(why) => write!(f, "it is not valid: {why}"),
        }
    }
}

/// The common name of a certificate's subject, else the whole subject.
pub(super) fn subject(certificate: &CertificateDer<'_>) -> String {
    match X509Certificate::from_der(certificate) {
        Ok((_, parsed)) => name(parsed.subject()),
        Err(_) => "a certificate that cannot be read".to_owned(),
    }
}

/// The common name, else the organisation, else everything that is there. Without control characters: it is the peer's.
pub(super) fn name(name: &x509_parser::x509::X509Name<'_>) -> String {
    const MAX: usize = 100;
    let common = name.iter_common_name().chain(name.iter_organization());
    let text = common.filter_map(|value| value.as_str().ok()).next();
    let text = text.map_or_else(|| name.to_string(), str::to_owned);
    let shown: String = text.chars().filter(|c| !c.is_control()).take(MAX).collect();
    match shown.is_empty() {
        true => "an authority without a name".to_owned(),
        false => shown,
    }
}
