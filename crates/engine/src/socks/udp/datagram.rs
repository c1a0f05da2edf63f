//! The header of a relayed datagram (RFC 1928, section 7), read and written. Pure.

use std::net::SocketAddr;

use fast_socks5::consts::{
    SOCKS5_ADDR_TYPE_DOMAIN_NAME, SOCKS5_ADDR_TYPE_IPV4, SOCKS5_ADDR_TYPE_IPV6,
};
use privet_policy::{Host, Target};
use smallvec::SmallVec;

use crate::socks::parsed::{ParseError, Parsed};
use crate::socks::v5;

/// The longest header: two reserved bytes, FRAG, ATYP, a length, 255 bytes of name, a port.
pub const MAX_HEADER: usize = 262;

/// A header ready to send; those of addresses need no allocation.
pub type Header = SmallVec<[u8; 24]>;

/// `RSV RSV FRAG ATYP ADDR PORT DATA`: where the datagram goes or came from, and where its data begins.
///
/// # Errors
/// Too short, RSV not zero, an address that cannot be; and fragments, which we do not put together (the RFC allows
/// this and asks that they be dropped).
pub fn parse(bytes: &[u8]) -> Result<(Target, usize), ParseError> {
    let [high, low, fragment, address @ ..] = bytes else {
        return Err(ParseError::TooShort);
    };
    if (*high, *low) != (0, 0) {
        return Err(ParseError::Reserved);
    }
    if *fragment != 0 {
        return Err(ParseError::Fragment);
    }
    match v5::address(address) {
        Parsed::Complete(target, used) => Ok((target, 3 + used)),
        Parsed::Incomplete => Err(ParseError::TooShort),
        Parsed::Invalid(error) => Err(error),
    }
}

/// The header for a target.
pub fn header(target: &Target) -> Header {
    let mut header = Header::from_slice(&[0, 0, 0]);
    match &target.host {
        Host::Ip(std::net::IpAddr::V4(ip)) => {
            header.push(SOCKS5_ADDR_TYPE_IPV4);
            header.extend_from_slice(&ip.octets());
        }
        Host::Ip(std::net::IpAddr::V6(ip)) => {
            header.push(SOCKS5_ADDR_TYPE_IPV6);
            header.extend_from_slice(&ip.octets());
        }
        Host::Name(name) => {
            header.push(SOCKS5_ADDR_TYPE_DOMAIN_NAME);
            // `Host` guarantees that a name has at most 253 bytes.
            header.push(name.len() as u8);
            header.extend_from_slice(name.as_bytes());
        }
    }
    header.extend_from_slice(&target.port.to_be_bytes());
    header
}

/// The header for a datagram that came from an address.
pub fn header_from(from: SocketAddr) -> Header {
    header(&Target {
        host: Host::Ip(from.ip().to_canonical()),
        port: from.port(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn target(host: &str, port: u16) -> Target {
        let host = Host::parse(host).unwrap();
        Target { host, port }
    }

    #[test]
    fn datagrams_are_parsed_as_in_rfc_1928() {
        type Read = Result<(Target, usize), ParseError>;
        let table: [(&[u8], Read); 8] = [
            (
                b"\0\0\0\x01\x7f\0\0\x01\0\x35data",
                Ok((target("127.0.0.1", 53), 10)),
            ),
            (
                b"\0\0\0\x03\x06a.test\0\x35",
                Ok((target("a.test", 53), 13)),
            ),
            (
                b"\0\0\x01\x01\x7f\0\0\x01\0\x35data",
                Err(ParseError::Fragment),
            ),
            (
                b"\0\0\x80\x01\x7f\0\0\x01\0\x35data",
                Err(ParseError::Fragment),
            ),
            (b"\0\x01\0\x01\x7f\0\0\x01\0\x35", Err(ParseError::Reserved)),
            (
                b"\0\0\0\x09\x7f\0\0\x01\0\x35",
                Err(ParseError::AddressType),
            ),
            (b"\0\0\0\x01\x7f\0\0\x01\0", Err(ParseError::TooShort)),
            (b"", Err(ParseError::TooShort)),
        ];
        for (bytes, expected) in table {
            assert_eq!(parse(bytes), expected, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn no_datagram_panics_and_a_header_fits_its_datagram(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            if let Ok((_, data)) = parse(&bytes) {
                prop_assert!(data <= bytes.len() && data <= MAX_HEADER);
            }
        }

        #[test]
        fn a_header_survives_writing_and_parsing(
            host in prop_oneof![
                any::<[u8; 4]>().prop_map(|octets| Host::Ip(octets.into())),
                any::<[u8; 16]>()
                    .prop_map(|octets| Host::Ip(std::net::IpAddr::from(octets).to_canonical())),
                "[a-z][a-z0-9]{0,50}(\\.[a-z]{1,60}){1,3}"
                    .prop_map(|name| Host::parse(&name).unwrap()),
            ],
            port: u16,
        ) {
            let target = Target { host, port };
            let header = header(&target);
            prop_assert_eq!(parse(&header), Ok((target, header.len())));
        }
    }
}
