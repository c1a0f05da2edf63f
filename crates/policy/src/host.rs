//! Parses a host as clients write it to the normal form that is compared: [`Host`].

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use compact_str::CompactString;

use crate::Host;

/// The longest name (RFC 1035, section 2.3.4, without the final dot), in bytes.
pub const MAX_NAME: usize = 253;
/// The longest label of a name, in bytes.
pub const MAX_LABEL: usize = 63;
/// The longest text that is parsed; a name of 253 bytes can be longer before IDNA maps it.
const MAX_TEXT: usize = 1024;

/// Why a text is not a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum HostError {
    #[error("the host is empty")]
    Empty,
    #[error("the host name is longer than {MAX_NAME} bytes")]
    TooLong,
    #[error("a label of the host name is empty or longer than {MAX_LABEL} bytes")]
    Label,
    #[error("the host name holds a character that no name has")]
    Character,
    #[error("the host ends in a number, as an IPv4 address does, and is none")]
    Ipv4,
    #[error("the host holds a colon, as an IPv6 address does, and is none")]
    Ipv6,
    #[error("the host is not a valid international name")]
    Idna,
}

/// Whether a name must not be looked up in the DNS: `.onion` (RFC 7686) and `.alt` (RFC 9476). `name` is in lower case.
pub fn is_outside_dns(name: &str) -> bool {
    matches!(
        name.rsplit_once('.').map_or(name, |(_, top)| top),
        "onion" | "alt"
    )
}

impl Host {
    /// Reads a name or an address as browsers do (WHATWG URL, host parsing): ASCII lower case, IDNA for the rest, one
    /// final dot dropped; underscores and hyphens anywhere. IPv6 with or without brackets. What the C library's
    /// `inet_aton` takes for an IPv4 address (`127.1`, `0x7f.1`, `017700000001`, `2130706433`) is that address, and an
    /// IPv4-mapped IPv6 address is the IPv4 one, so that no spelling hides where a connection goes.
    ///
    /// # Errors
    /// Empty, too long, an empty label, a forbidden character (control, space, NUL, `%`, `*`, …), a number at the end
    /// that is no address, or text that IDNA refuses.
    pub fn parse(text: &str) -> Result<Host, HostError> {
        if text.is_empty() {
            return Err(HostError::Empty);
        }
        if text.len() > MAX_TEXT {
            return Err(HostError::TooLong);
        }
        if text.starts_with('[') || text.contains(':') {
            return ipv6(text);
        }
        let ascii = if text.is_ascii() {
            Cow::Borrowed(text)
        } else {
            idna::domain_to_ascii_cow(text.as_bytes(), idna::AsciiDenyList::URL)
                .map_err(|_| HostError::Idna)?
        };
        name(&ascii)
    }

    /// The name, or `None` for an address.
    pub fn name(&self) -> Option<&str> {
        match self {
            Host::Name(name) => Some(name),
            Host::Ip(_) => None,
        }
    }

    /// The address, or `None` for a name.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Host::Name(_) => None,
            Host::Ip(ip) => Some(*ip),
        }
    }

    /// The name, or the address as text.
    pub(crate) fn text(&self) -> CompactString {
        match self {
            Host::Name(name) => name.clone(),
            Host::Ip(ip) => compact_str::format_compact!("{ip}"),
        }
    }
}

impl From<IpAddr> for Host {
    /// An IPv4-mapped IPv6 address becomes the IPv4 one.
    fn from(ip: IpAddr) -> Host {
        Host::Ip(ip.to_canonical())
    }
}

fn ipv6(text: &str) -> Result<Host, HostError> {
    let inner = match text.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').ok_or(HostError::Ipv6)?,
        None => text,
    };
    let ip: Ipv6Addr = inner.parse().map_err(|_| HostError::Ipv6)?;
    Ok(Host::from(IpAddr::V6(ip)))
}

fn name(ascii: &str) -> Result<Host, HostError> {
    let ascii = ascii.strip_suffix('.').unwrap_or(ascii);
    if ascii.is_empty() {
        return Err(HostError::Empty);
    }
    if ascii.len() > MAX_NAME {
        return Err(HostError::TooLong);
    }
    let mut last = "";
    for label in ascii.split('.') {
        if label.is_empty() || label.len() > MAX_LABEL {
            return Err(HostError::Label);
        }
        if !label.bytes().all(is_name_byte) {
            return Err(HostError::Character);
        }
        last = label;
    }
    if is_number(last) {
        return inet_aton(ascii)
            .map(|ip| Host::Ip(IpAddr::V4(ip)))
            .ok_or(HostError::Ipv4);
    }
    let mut name = CompactString::new(ascii);
    name.make_ascii_lowercase();
    Ok(Host::Name(name))
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// "Ends in a number" (WHATWG URL, 3.5): decimal digits, or `0x` with hexadecimal ones.
fn is_number(label: &str) -> bool {
    label.bytes().all(|b| b.is_ascii_digit())
        || hex_digits(label).is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn hex_digits(part: &str) -> Option<&str> {
    part.strip_prefix("0x").or_else(|| part.strip_prefix("0X"))
}

/// One to four parts, decimal, octal or hexadecimal; the last fills what is left of the 32 bits.
fn inet_aton(text: &str) -> Option<Ipv4Addr> {
    let mut address: u64 = 0;
    let mut parts = text.split('.').peekable();
    for part in 0..4u32 {
        let value = number(parts.next()?)?;
        let left = 32 - 8 * part;
        if parts.peek().is_none() {
            return (value < 1 << left)
                .then(|| u32::try_from(address << left | value).ok())?
                .map(Ipv4Addr::from);
        }
        if value > 255 {
            return None;
        }
        address = address << 8 | value;
    }
    None
}

fn number(part: &str) -> Option<u64> {
    // A sign is text for `from_str_radix`; here it never gets past `is_name_byte`, save the hyphen.
    if part.starts_with('-') {
        return None;
    }
    match hex_digits(part) {
        Some("") => Some(0),
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None if part.len() > 1 && part.starts_with('0') => u64::from_str_radix(part, 8).ok(),
        None => part.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> Result<String, HostError> {
        Host::parse(text).map(|host| host.to_string())
    }

    #[test]
    fn names_become_lower_case_ascii_without_a_final_dot() {
        for (given, want) in [
            ("Example.COM", "example.com"),
            ("example.com.", "example.com"),
            ("_dmarc.a-.-b.test", "_dmarc.a-.-b.test"),
            ("r3---sn-x.video.test", "r3---sn-x.video.test"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("BÜCHER.example。", "xn--bcher-kva.example"),
            ("ⓛⓞcalhost", "localhost"),
            ("localhost", "localhost"),
            ("1.2.3.4.example", "1.2.3.4.example"),
            ("0xg", "0xg"),
        ] {
            assert_eq!(shown(given).as_deref(), Ok(want), "{given}");
            assert!(Host::parse(given).unwrap().name().is_some(), "{given}");
        }
    }

    #[test]
    fn every_spelling_of_an_address_is_that_address() {
        for (given, want) in [
            ("127.0.0.1", "127.0.0.1"),
            ("127.0.0.1.", "127.0.0.1"),
            ("127.1", "127.0.0.1"),
            ("127.0.1", "127.0.0.1"),
            ("0x7f.1", "127.0.0.1"),
            ("0X7F.0.0.0x1", "127.0.0.1"),
            ("017700000001", "127.0.0.1"),
            ("2130706433", "127.0.0.1"),
            ("0x7f000001", "127.0.0.1"),
            ("0177.0.0.01", "127.0.0.1"),
            ("127.0.0.1", "127.0.0.1"),
            ("127。0。0。1", "127.0.0.1"),
            ("0", "0.0.0.0"),
            ("::1", "::1"),
            ("[::1]", "::1"),
            ("[::ffff:127.0.0.1]", "127.0.0.1"),
            ("::ffff:7f00:1", "127.0.0.1"),
            ("2001:DB8::1", "2001:db8::1"),
        ] {
            assert_eq!(shown(given).as_deref(), Ok(want), "{given}");
            assert!(Host::parse(given).unwrap().ip().is_some(), "{given}");
        }
    }

    #[test]
    fn an_invalid_host_is_refused_with_its_reason() {
        let long = "a".repeat(64);
        let longer = vec!["a".repeat(60); 5].join(".");
        for (given, want) in [
            ("", HostError::Empty),
            (".", HostError::Empty),
            ("a..b", HostError::Label),
            (".a", HostError::Label),
            ("a..", HostError::Label),
            (long.as_str(), HostError::Label),
            (longer.as_str(), HostError::TooLong),
            ("a b", HostError::Character),
            ("a\0b", HostError::Character),
            ("a\tb", HostError::Character),
            ("a\u{7f}", HostError::Character),
            ("a%41", HostError::Character),
            ("a/b", HostError::Character),
            ("user@a", HostError::Character),
            ("*.a", HostError::Character),
            ("ü b", HostError::Idna),
            ("256.1.1.1", HostError::Ipv4),
            ("1.2.3.4.5", HostError::Ipv4),
            ("4294967296", HostError::Ipv4),
            ("09.1", HostError::Ipv4),
            ("a.1", HostError::Ipv4),
            ("-1.1", HostError::Ipv4),
            ("[::1", HostError::Ipv6),
            ("::1%lo", HostError::Ipv6),
            ("a:b", HostError::Ipv6),
            ("[127.0.0.1]", HostError::Ipv6),
        ] {
            assert_eq!(Host::parse(given), Err(want), "{given:?}");
        }
    }

    proptest! {
        #[test]
        fn a_parsed_host_parses_to_itself(text in "\\PC{0,40}|[a-z0-9._:\\[\\]xX-]{0,40}") {
            if let Ok(host) = Host::parse(&text) {
                prop_assert_eq!(Host::parse(&host.to_string()), Ok(host.clone()));
                if let Host::Name(name) = host {
                    prop_assert!(name.len() <= MAX_NAME);
                    prop_assert!(name.bytes().all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase()));
                }
            }
        }

        #[test]
        fn an_ipv4_address_is_the_same_in_every_base(ip: u32) {
            let want = Ok(Host::Ip(IpAddr::V4(Ipv4Addr::from(ip))));
            for text in [format!("{ip}"), format!("{ip:#x}"), format!("0{ip:o}"), Ipv4Addr::from(ip).to_string(),
                format!("::ffff:{}", Ipv4Addr::from(ip))] {
                prop_assert_eq!(Host::parse(&text), want.clone(), "{}", text);
            }
        }
    }
}
