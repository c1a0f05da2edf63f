//! The names that a certificate is served for: host names, `*.` before a host name, and addresses.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::client_hello::is_host_name;

/// A name of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CertificateName {
    /// In lower case.
    Host(Box<str>),
    /// `*.` and this, in lower case: any single label before it (RFC 9525, section 6.3).
    Wildcard(Box<str>),
    Address(IpAddr),
}

/// The text is no name of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAName;

impl FromStr for CertificateName {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let bare = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        if let Ok(address) = bare.unwrap_or(text).parse::<IpAddr>() {
            return Ok(Self::Address(address.to_canonical()));
        }
        let lower = |name: &str| name.to_ascii_lowercase().into_boxed_str();
        match text.strip_prefix("*.") {
            Some(suffix) if is_host_name(suffix) => Ok(Self::Wildcard(lower(suffix))),
            None if is_host_name(text) => Ok(Self::Host(lower(text))),
            _ => Err(NotAName),
        }
    }
}

impl fmt::Display for CertificateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(name) => f.write_str(name),
            Self::Wildcard(suffix) => write!(f, "*.{suffix}"),
            Self::Address(address) => address.fmt(f),
        }
    }
}

impl CertificateName {
    /// Whether a certificate with this name is valid for `other`.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Wildcard(suffix), Self::Host(name)) => name
                .split_once('.')
                .is_some_and(|(_, rest)| rest == &**suffix),
            _ => self == other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_hosts_wildcards_and_addresses() {
        for (text, expected) in [
            ("A.Test", Some("a.test")),
            ("*.A.test", Some("*.a.test")),
            ("127.0.0.1", Some("127.0.0.1")),
            ("[::1]", Some("::1")),
            ("::ffff:127.0.0.1", Some("127.0.0.1")),
            ("localhost", Some("localhost")),
            ("a_b.test", Some("a_b.test")),
            ("*.*.test", None),
            ("*", None),
            ("a*.test", None),
            ("", None),
            ("a..test", None),
            ("a.test.", None),
            ("a.test:443", None),
            ("1.2.3.4.5", None),
            ("a b", None),
        ] {
            let read = text.parse::<CertificateName>().ok();
            assert_eq!(
                read.map(|name| name.to_string()).as_deref(),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn a_wildcard_stands_for_one_label() {
        let name = |text: &str| text.parse::<CertificateName>().unwrap();
        let wildcard = name("*.a.test");
        for (other, covered) in [
            ("x.a.test", true),
            ("a.test", false),
            ("y.x.a.test", false),
            ("xa.test", false),
            ("*.a.test", true),
        ] {
            assert_eq!(wildcard.covers(&name(other)), covered, "{other}");
        }
    }
}
