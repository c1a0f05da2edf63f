//! The server name indication (RFC 6066, section 3).

use std::net::IpAddr;

use super::cursor::Cursor;

const HOST_NAME: u8 = 0;
/// Longest host name and longest label (RFC 1035, section 2.3.4), in bytes.
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

/// The name that a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SniName {
    /// The client names no server.
    Absent,
    /// A host name, in lower case.
    Host(Box<str>),
    /// An IP address in the place of a name, which RFC 6066 forbids.
    Address(IpAddr),
    /// Something else that is no host name.
    Invalid,
}

impl SniName {
    /// The host name, if there is one.
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Host(name) => Some(name),
            _ => None,
        }
    }
}

/// `None`: the extension is malformed.
pub(super) fn server_name(mut content: Cursor<'_>) -> Option<SniName> {
    let mut list = content.part16()?;
    if !content.is_empty() || list.is_empty() {
        return None;
    }
    let mut name = None;
    while !list.is_empty() {
        let kind = list.u8()?;
        let value = list.part16()?.rest();
        // No other type was ever defined, and a second name of the same type is forbidden.
        if kind != HOST_NAME || name.is_some() {
            return None;
        }
        name = Some(host_name(value));
    }
    name
}

fn host_name(value: &[u8]) -> SniName {
    let Ok(text) = std::str::from_utf8(value) else {
        return SniName::Invalid;
    };
    if let Ok(address) = text.trim_matches(['[', ']']).parse() {
        return SniName::Address(address);
    }
    match is_host_name(text) {
        true => SniName::Host(text.to_ascii_lowercase().into()),
        false => SniName::Invalid,
    }
}

/// Labels of letters, digits, `-` and `_`, without a dot at the end. A last label of digits only would be an address.
pub(crate) fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=MAX_LABEL).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= MAX_NAME
        && text.split('.').all(is_label)
        && !last.bytes().all(|byte| byte.is_ascii_digit())
}
