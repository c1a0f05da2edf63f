//! The request of a SOCKS4 or SOCKS4a client as a pure parser, and its reply.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use privet_policy::{Host, Target};

use super::parsed::{Command, Fault, Parsed};
use super::v5::{self, Wish};

pub const VERSION: u8 = 4;
pub const GRANTED: u8 = 90;
/// "Request rejected or failed"; 92 and 93 speak of identd, which nobody asks any more.
pub const REJECTED: u8 = 91;

/// The longest user id and the longest name, in bytes. SOCKS4 itself sets none.
pub const LONGEST_FIELD: usize = 255;

/// `VN CD DSTPORT DSTIP USERID NUL`, and for an address 0.0.0.x with x not 0 a name and its NUL (SOCKS4a). The user id
/// proves nothing and is skipped.
pub fn request(bytes: &[u8]) -> Parsed<Wish> {
    let [version, rest @ ..] = bytes else {
        return Parsed::More;
    };
    if *version != VERSION {
        return Parsed::Wrong(Fault::Version);
    }
    let [command, rest @ ..] = rest else {
        return Parsed::More;
    };
    let command = match *command {
        1 => Command::Connect,
        2 => Command::Bind,
        _ => return Parsed::Wrong(Fault::Command),
    };
    let [high, low, a, b, c, d, rest @ ..] = rest else {
        return Parsed::More;
    };
    let user = match text(rest) {
        Parsed::Whole(user, _) => user,
        Parsed::More => return Parsed::More,
        Parsed::Wrong(fault) => return Parsed::Wrong(fault),
    };
    let port = u16::from_be_bytes([*high, *low]);
    let after_user = 8 + user.len() + 1;
    if !matches!((a, b, c, d), (0, 0, 0, 1..)) {
        let host = Host::Ip(Ipv4Addr::new(*a, *b, *c, *d).into());
        let target = Target { host, port };
        return Parsed::Whole(Wish { command, target }, after_user);
    }
    let rest = rest.get(user.len() + 1..).unwrap_or_default();
    match text(rest) {
        Parsed::Whole([], _) => Parsed::Wrong(Fault::EmptyName),
        Parsed::Whole(name, _) => match v5::host(name) {
            Some(host) => {
                let target = Target { host, port };
                Parsed::Whole(Wish { command, target }, after_user + name.len() + 1)
            }
            None => Parsed::Wrong(Fault::BadName),
        },
        Parsed::More => Parsed::More,
        Parsed::Wrong(fault) => Parsed::Wrong(fault),
    }
}

/// Bytes up to a NUL, which is not among them.
fn text(bytes: &[u8]) -> Parsed<&[u8]> {
    match bytes
        .iter()
        .take(LONGEST_FIELD + 1)
        .position(|byte| *byte == 0)
    {
        Some(end) => Parsed::Whole(bytes.get(..end).unwrap_or_default(), end + 1),
        None if bytes.len() > LONGEST_FIELD => Parsed::Wrong(Fault::TooLong),
        None => Parsed::More,
    }
}

/// `VN CD DSTPORT DSTIP`; an IPv6 address cannot be said and is sent as zeros.
pub fn reply(code: u8, bound: Option<SocketAddr>) -> [u8; 8] {
    let (ip, port) = match bound.map(|at| (at.ip().to_canonical(), at.port())) {
        Some((IpAddr::V4(ip), port)) => (ip, port),
        Some((IpAddr::V6(_), port)) => (Ipv4Addr::UNSPECIFIED, port),
        None => (Ipv4Addr::UNSPECIFIED, 0),
    };
    let ([a, b, c, d], [high, low]) = (ip.octets(), port.to_be_bytes());
    [0, code, high, low, a, b, c, d]
}
