//! The messages of a SOCKS5 client (RFC 1928, RFC 1929) as pure parsers.
//!
//! Constants are from fast-socks5. Its server is not used: it takes five to ten reads a handshake, has no deadline over the
//! whole handshake, drops what the client sent ahead, logs passwords at debug level and answers BIND once only.

use std::net::{Ipv4Addr, Ipv6Addr};

use fast_socks5::consts::{
    SOCKS5_ADDR_TYPE_DOMAIN_NAME, SOCKS5_ADDR_TYPE_IPV4, SOCKS5_ADDR_TYPE_IPV6,
    SOCKS5_AUTH_METHOD_NONE, SOCKS5_AUTH_METHOD_NOT_ACCEPTABLE, SOCKS5_AUTH_METHOD_PASSWORD,
    SOCKS5_CMD_TCP_BIND, SOCKS5_CMD_TCP_CONNECT, SOCKS5_CMD_UDP_ASSOCIATE, SOCKS5_VERSION,
};
use privet_policy::{Host, Target};

use super::parsed::{Command, ParseError, Parsed};

/// The version of the login's sub-negotiation (RFC 1929, section 2).
pub const LOGIN_VERSION: u8 = 1;

/// The methods that a client offered, of those that we support.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Greeting {
    pub offers_none: bool,
    pub offers_password: bool,
}

/// The method that we choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    None,
    Password,
    /// None that was offered is acceptable.
    Unacceptable,
}

/// A user name and password as ranges of the bytes that were parsed: nothing is copied, so one buffer has to be wiped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Credentials {
    name: (usize, usize),
    password: (usize, usize),
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocksRequest {
    pub command: Command,
    pub target: Target,
}

impl Greeting {
    /// Chooses among what was offered. Where a login is required only the password is accepted. Where none is required "no
    /// authentication" is preferred; a client that offers the password alone may send any, and no user is recorded.
    pub fn choose(self, requires_authentication: bool) -> Method {
        match (
            requires_authentication,
            self.offers_none,
            self.offers_password,
        ) {
            (false, true, _) => Method::None,
            (_, _, true) => Method::Password,
            _ => Method::Unacceptable,
        }
    }
}

impl Method {
    /// The byte of the method-selection reply.
    pub fn code(self) -> u8 {
        match self {
            Self::None => SOCKS5_AUTH_METHOD_NONE,
            Self::Password => SOCKS5_AUTH_METHOD_PASSWORD,
            Self::Unacceptable => SOCKS5_AUTH_METHOD_NOT_ACCEPTABLE,
        }
    }
}

impl Credentials {
    /// The user name within the bytes that [`login`] parsed.
    pub fn name<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(self.name.0..self.name.1).unwrap_or_default()
    }

    /// The password within the bytes that [`login`] parsed.
    pub fn password<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes
            .get(self.password.0..self.password.1)
            .unwrap_or_default()
    }
}

/// RFC 1928, section 3: `VER NMETHODS METHODS`, 1 to 255 methods.
pub fn greeting(bytes: &[u8]) -> Parsed<Greeting> {
    let [version, rest @ ..] = bytes else {
        return Parsed::Incomplete;
    };
    if *version != SOCKS5_VERSION {
        return Parsed::Invalid(ParseError::Version);
    }
    let [count, rest @ ..] = rest else {
        return Parsed::Incomplete;
    };
    if *count == 0 {
        return Parsed::Invalid(ParseError::NoMethods);
    }
    let Some(methods) = rest.get(..usize::from(*count)) else {
        return Parsed::Incomplete;
    };
    let greeting = Greeting {
        offers_none: methods.contains(&SOCKS5_AUTH_METHOD_NONE),
        offers_password: methods.contains(&SOCKS5_AUTH_METHOD_PASSWORD),
    };
    Parsed::Complete(greeting, 2 + methods.len())
}

/// RFC 1929, section 2: `VER ULEN UNAME PLEN PASSWD`, the name 1 to 255 bytes. The password may be empty, against the RFC:
/// clients send it so where the user has none. A request sent in its place is refused by
/// its version.
pub fn login(bytes: &[u8]) -> Parsed<Credentials> {
    match bytes.first() {
        None => return Parsed::Incomplete,
        Some(&LOGIN_VERSION) => {}
        Some(_) => return Parsed::Invalid(ParseError::Version),
    }
    let name = match field(bytes, 1) {
        Ok(name) => name,
        Err(answer) => return answer,
    };
    if bytes.get(name.1) == Some(&0) {
        let end = name.1 + 1;
        return Parsed::Complete(
            Credentials {
                name,
                password: (end, end),
            },
            end,
        );
    }
    match field(bytes, name.1) {
        Ok(password) => Parsed::Complete(Credentials { name, password }, password.1),
        Err(answer) => answer,
    }
}

/// A length byte at `at` and as many bytes: where they start and end.
fn field(bytes: &[u8], at: usize) -> Result<(usize, usize), Parsed<Credentials>> {
    match bytes.get(at) {
        None => Err(Parsed::Incomplete),
        Some(0) => Err(Parsed::Invalid(ParseError::EmptyLogin)),
        Some(&length) => {
            let end = at + 1 + usize::from(length);
            if bytes.len() < end {
                Err(Parsed::Incomplete)
            } else {
                Ok((at + 1, end))
            }
        }
    }
}

/// RFC 1928, section 4: `VER CMD RSV ATYP DST.ADDR DST.PORT`. RSV must be zero, as the RFC says. A domain that spells
/// an address is taken for that address.
pub fn request(bytes: &[u8]) -> Parsed<SocksRequest> {
    let [version, rest @ ..] = bytes else {
        return Parsed::Incomplete;
    };
    if *version != SOCKS5_VERSION {
        return Parsed::Invalid(ParseError::Version);
    }
    let [command, rest @ ..] = rest else {
        return Parsed::Incomplete;
    };
    let command = match *command {
        SOCKS5_CMD_TCP_CONNECT => Command::Connect,
        SOCKS5_CMD_TCP_BIND => Command::Bind,
        SOCKS5_CMD_UDP_ASSOCIATE => Command::Associate,
        _ => return Parsed::Invalid(ParseError::Command),
    };
    let [reserved, rest @ ..] = rest else {
        return Parsed::Incomplete;
    };
    if *reserved != 0 {
        return Parsed::Invalid(ParseError::Reserved);
    }
    match address(rest) {
        Parsed::Complete(target, used) => {
            Parsed::Complete(SocksRequest { command, target }, 3 + used)
        }
        Parsed::Incomplete => Parsed::Incomplete,
        Parsed::Invalid(error) => Parsed::Invalid(error),
    }
}

/// RFC 1928, section 5: `ATYP ADDR PORT`, as in requests, replies and datagrams.
pub fn address(bytes: &[u8]) -> Parsed<Target> {
    let [kind, rest @ ..] = bytes else {
        return Parsed::Incomplete;
    };
    match *kind {
        SOCKS5_ADDR_TYPE_IPV4 => match rest {
            [a, b, c, d, high, low, ..] => {
                let ip = Ipv4Addr::new(*a, *b, *c, *d);
                whole(Host::Ip(ip.into()), [*high, *low], 7)
            }
            _ => Parsed::Incomplete,
        },
        SOCKS5_ADDR_TYPE_IPV6 => match rest.split_first_chunk::<16>() {
            Some((octets, [high, low, ..])) => {
                // An IPv4-mapped address is that IPv4 address, for rules and for the dial.
                let ip = Ipv6Addr::from(*octets).to_canonical();
                whole(Host::Ip(ip), [*high, *low], 19)
            }
            _ => Parsed::Incomplete,
        },
        SOCKS5_ADDR_TYPE_DOMAIN_NAME => named(rest),
        _ => Parsed::Invalid(ParseError::AddressType),
    }
}

/// The length, the name and the port of an address of the third kind.
fn named(bytes: &[u8]) -> Parsed<Target> {
    let [length, rest @ ..] = bytes else {
        return Parsed::Incomplete;
    };
    if *length == 0 {
        return Parsed::Invalid(ParseError::EmptyName);
    }
    let length = usize::from(*length);
    let (Some(name), Some([high, low])) = (rest.get(..length), rest.get(length..length + 2)) else {
        return Parsed::Incomplete;
    };
    match host(name) {
        Some(host) => whole(host, [*high, *low], 4 + length),
        None => Parsed::Invalid(ParseError::BadName),
    }
}

fn whole(host: Host, port: [u8; 2], used: usize) -> Parsed<Target> {
    let port = u16::from_be_bytes(port);
    Parsed::Complete(Target { host, port }, used)
}

/// A host from a name's bytes; `None`: no host can be called that.
pub fn host(name: &[u8]) -> Option<Host> {
    Host::parse(std::str::from_utf8(name).ok()?).ok()
}
