//! The messages of a SOCKS5 client (RFC 1928, RFC 1929) as pure parsers.
//!
//! fast-socks5 gives the numbers; its reading is not used. Its typestate takes five to ten reads a handshake where one
//! per flight of the client is enough, has no deadline over the whole head, drops what the client sent ahead, logs
//! passwords at debug level and answers BIND once only.

use std::net::{Ipv4Addr, Ipv6Addr};

use fast_socks5::consts::{
    SOCKS5_ADDR_TYPE_DOMAIN_NAME, SOCKS5_ADDR_TYPE_IPV4, SOCKS5_ADDR_TYPE_IPV6,
    SOCKS5_AUTH_METHOD_NONE, SOCKS5_AUTH_METHOD_NOT_ACCEPTABLE, SOCKS5_AUTH_METHOD_PASSWORD,
    SOCKS5_CMD_TCP_BIND, SOCKS5_CMD_TCP_CONNECT, SOCKS5_CMD_UDP_ASSOCIATE, SOCKS5_VERSION,
};
use privet_policy::{Host, Target};

use super::parsed::{Command, Fault, Parsed};

/// The version of the login's sub-negotiation (RFC 1929, section 2).
pub const LOGIN_VERSION: u8 = 1;

/// Which of the methods that we speak a client offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Greeting {
    pub offers_none: bool,
    pub offers_password: bool,
}

/// How a client will be let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    NoLogin,
    Login,
    /// Nothing that was offered will do.
    Unacceptable,
}

/// A login, as places in the bytes that were parsed: nothing is copied, so there is one place to wipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Login {
    name: (usize, usize),
    password: (usize, usize),
}

/// A request, with the name or address as a target that can be decided upon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    pub command: Command,
    pub target: Target,
}

impl Greeting {
    /// Chooses among what was offered, never anything else. Where logins are asked only the password will do. Where
    /// none are asked the open door is preferred; a client that offers the password alone (some cannot do without)
    /// may send any, and is booked under no name.
    pub fn choose(self, requires_authentication: bool) -> Method {
        match (
            requires_authentication,
            self.offers_none,
            self.offers_password,
        ) {
            (false, true, _) => Method::NoLogin,
            (_, _, true) => Method::Login,
            _ => Method::Unacceptable,
        }
    }
}

impl Method {
    /// The byte of the method-selection reply.
    pub fn code(self) -> u8 {
        match self {
            Self::NoLogin => SOCKS5_AUTH_METHOD_NONE,
            Self::Login => SOCKS5_AUTH_METHOD_PASSWORD,
            Self::Unacceptable => SOCKS5_AUTH_METHOD_NOT_ACCEPTABLE,
        }
    }
}

impl Login {
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
        return Parsed::More;
    };
    if *version != SOCKS5_VERSION {
        return Parsed::Wrong(Fault::Version);
    }
    let [count, rest @ ..] = rest else {
        return Parsed::More;
    };
    if *count == 0 {
        return Parsed::Wrong(Fault::NoMethods);
    }
    let Some(methods) = rest.get(..usize::from(*count)) else {
        return Parsed::More;
    };
    let greeting = Greeting {
        offers_none: methods.contains(&SOCKS5_AUTH_METHOD_NONE),
        offers_password: methods.contains(&SOCKS5_AUTH_METHOD_PASSWORD),
    };
    Parsed::Whole(greeting, 2 + methods.len())
}

/// RFC 1929, section 2: `VER ULEN UNAME PLEN PASSWD`, both 1 to 255 bytes. A request sent in its place is refused by
/// its version.
pub fn login(bytes: &[u8]) -> Parsed<Login> {
    match bytes.first() {
        None => return Parsed::More,
        Some(&LOGIN_VERSION) => {}
        Some(_) => return Parsed::Wrong(Fault::Version),
    }
    let name = match field(bytes, 1) {
        Ok(name) => name,
        Err(answer) => return answer,
    };
    match field(bytes, name.1) {
        Ok(password) => Parsed::Whole(Login { name, password }, password.1),
        Err(answer) => answer,
    }
}

/// A length byte at `at` and as many bytes: where they start and end.
fn field(bytes: &[u8], at: usize) -> Result<(usize, usize), Parsed<Login>> {
    match bytes.get(at) {
        None => Err(Parsed::More),
        Some(0) => Err(Parsed::Wrong(Fault::EmptyLogin)),
        Some(&length) => {
            let end = at + 1 + usize::from(length);
            if bytes.len() < end {
                Err(Parsed::More)
            } else {
                Ok((at + 1, end))
            }
        }
    }
}

/// RFC 1928, section 4: `VER CMD RSV ATYP DST.ADDR DST.PORT`. RSV must be zero, as the RFC says. A domain that spells
/// an address is taken for that address.
pub fn request(bytes: &[u8]) -> Parsed<Wish> {
    let [version, rest @ ..] = bytes else {
        return Parsed::More;
    };
    if *version != SOCKS5_VERSION {
        return Parsed::Wrong(Fault::Version);
    }
    let [command, rest @ ..] = rest else {
        return Parsed::More;
    };
    let command = match *command {
        SOCKS5_CMD_TCP_CONNECT => Command::Connect,
        SOCKS5_CMD_TCP_BIND => Command::Bind,
        SOCKS5_CMD_UDP_ASSOCIATE => Command::Associate,
        _ => return Parsed::Wrong(Fault::Command),
    };
    let [reserved, rest @ ..] = rest else {
        return Parsed::More;
    };
    if *reserved != 0 {
        return Parsed::Wrong(Fault::Reserved);
    }
    match address(rest) {
        Parsed::Whole(target, used) => Parsed::Whole(Wish { command, target }, 3 + used),
        Parsed::More => Parsed::More,
        Parsed::Wrong(fault) => Parsed::Wrong(fault),
    }
}

/// RFC 1928, section 5: `ATYP ADDR PORT`, as requests, replies and datagrams carry it.
pub fn address(bytes: &[u8]) -> Parsed<Target> {
    let [kind, rest @ ..] = bytes else {
        return Parsed::More;
    };
    match *kind {
        SOCKS5_ADDR_TYPE_IPV4 => match rest {
            [a, b, c, d, high, low, ..] => {
                let ip = Ipv4Addr::new(*a, *b, *c, *d);
                whole(Host::Ip(ip.into()), [*high, *low], 7)
            }
            _ => Parsed::More,
        },
        SOCKS5_ADDR_TYPE_IPV6 => match rest.split_first_chunk::<16>() {
            Some((octets, [high, low, ..])) => {
                // An IPv4 address in IPv6 clothes is that IPv4 address, for rules and for the dial.
                let ip = Ipv6Addr::from(*octets).to_canonical();
                whole(Host::Ip(ip), [*high, *low], 19)
            }
            _ => Parsed::More,
        },
        SOCKS5_ADDR_TYPE_DOMAIN_NAME => named(rest),
        _ => Parsed::Wrong(Fault::AddressType),
    }
}

/// The length, the name and the port of an address of the third kind.
fn named(bytes: &[u8]) -> Parsed<Target> {
    let [length, rest @ ..] = bytes else {
        return Parsed::More;
    };
    if *length == 0 {
        return Parsed::Wrong(Fault::EmptyName);
    }
    let length = usize::from(*length);
    let (Some(name), Some([high, low])) = (rest.get(..length), rest.get(length..length + 2)) else {
        return Parsed::More;
    };
    match host(name) {
        Some(host) => whole(host, [*high, *low], 4 + length),
        None => Parsed::Wrong(Fault::BadName),
    }
}

fn whole(host: Host, port: [u8; 2], used: usize) -> Parsed<Target> {
    let port = u16::from_be_bytes(port);
    Parsed::Whole(Target { host, port }, used)
}

/// A host from a name's bytes; `None`: no host can be called that.
pub fn host(name: &[u8]) -> Option<Host> {
    Host::parse(std::str::from_utf8(name).ok()?).ok()
}
