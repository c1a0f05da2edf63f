//! The request of a SOCKS4 or SOCKS4a client as a pure parser, and its reply.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use privet_policy::{Host, Target};

use super::parsed::{Command, ParseError, Parsed};
use super::v5::{self, SocksRequest};

pub const VERSION: u8 = 4;
pub const GRANTED: u8 = 90;
/// "Request rejected or failed"; 92 and 93 concern identd, which is not used any more.
pub const REJECTED: u8 = 91;

/// The longest user id and the longest name, in bytes. SOCKS4 itself sets none.
pub const LONGEST_FIELD: usize = 255;

/// `VN CD DSTPORT DSTIP USERID NUL`, and for an address 0.0.0.x with x not 0 a name and its NUL (SOCKS4a). The user id
/// proves nothing and is skipped.
pub fn request(bytes: &[u8]) -> Parsed<SocksRequest> {
    let [version, rest @ ..] = bytes else {
        return Parsed::Incomplete;
    };
    if *version != VERSION {
        return Parsed::Invalid(ParseError::Version);
    }
    let [command, rest @ ..] = rest else {
        return Parsed::Incomplete;
    };
    let command = match *command {
        1 => Command::Connect,
        2 => Command::Bind,
        _ => return Parsed::Invalid(ParseError::Command),
    };
    let [high, low, a, b, c, d, rest @ ..] = rest else {
        return Parsed::Incomplete;
    };
    let user = match text(rest) {
        Parsed::Complete(user, _) => user,
        Parsed::Incomplete => return Parsed::Incomplete,
        Parsed::Invalid(error) => return Parsed::Invalid(error),
    };
    let port = u16::from_be_bytes([*high, *low]);
    let after_user = 8 + user.len() + 1;
    if !matches!((a, b, c, d), (0, 0, 0, 1..)) {
        let host = Host::Ip(Ipv4Addr::new(*a, *b, *c, *d).into());
        let target = Target { host, port };
        return Parsed::Complete(SocksRequest { command, target }, after_user);
    }
    let rest = rest.get(user.len() + 1..).unwrap_or_default();
    match text(rest) {
        Parsed::Complete([], _) => Parsed::Invalid(ParseError::EmptyName),
        Parsed::Complete(name, _) => match v5::host(name) {
            Some(host) => {
                let target = Target { host, port };
                Parsed::Complete(
                    SocksRequest { command, target },
                    after_user + name.len() + 1,
                )
            }
            None => Parsed::Invalid(ParseError::BadName),
        },
        Parsed::Incomplete => Parsed::Incomplete,
        Parsed::Invalid(error) => Parsed::Invalid(error),
    }
}

/// Bytes up to a NUL, which is not among them.
fn text(bytes: &[u8]) -> Parsed<&[u8]> {
    match bytes
        .iter()
        .take(LONGEST_FIELD + 1)
        .position(|byte| *byte == 0)
    {
        Some(end) => Parsed::Complete(bytes.get(..end).unwrap_or_default(), end + 1),
        None if bytes.len() > LONGEST_FIELD => Parsed::Invalid(ParseError::TooLong),
        None => Parsed::Incomplete,
    }
}

/// `VN CD DSTPORT DSTIP`; an IPv6 address has no form here and is sent as zeros.
pub fn reply(code: u8, bound: Option<SocketAddr>) -> [u8; 8] {
    let (ip, port) = match bound.map(|at| (at.ip().to_canonical(), at.port())) {
        Some((IpAddr::V4(ip), port)) => (ip, port),
        Some((IpAddr::V6(_), port)) => (Ipv4Addr::UNSPECIFIED, port),
        None => (Ipv4Addr::UNSPECIFIED, 0),
    };
    let ([a, b, c, d], [high, low]) = (ip.octets(), port.to_be_bytes());
    [0, code, high, low, a, b, c, d]
}
