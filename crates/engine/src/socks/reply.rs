//! What a client is told: the codes of RFC 1928, section 6, chosen by why a request failed, and whole replies as bytes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use fast_socks5::ReplyError;
use fast_socks5::consts::{SOCKS5_ADDR_TYPE_IPV4, SOCKS5_ADDR_TYPE_IPV6, SOCKS5_VERSION};
use privet_gateway::Refusal;
use privet_net::DialErrorKind;
use privet_policy::Protocol;
use smallvec::SmallVec;

use super::parsed::{Command, Fault};
use super::v4;

/// A reply: at most 22 bytes, kept in place.
pub type Bytes = SmallVec<[u8; 24]>;

/// Which dialect of SOCKS the client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    V4,
    V5,
}

impl Dialect {
    /// As the policy and the connection log call it.
    pub fn protocol(self) -> Protocol {
        match self {
            Self::V4 => Protocol::Socks4,
            Self::V5 => Protocol::Socks5,
        }
    }

    /// "Done", with the address that we bound.
    pub fn granted(self, bound: Option<SocketAddr>) -> Bytes {
        match self {
            Self::V4 => Bytes::from_slice(&v4::reply(v4::GRANTED, bound)),
            Self::V5 => reply(ReplyError::Succeeded, bound),
        }
    }

    /// "No". SOCKS4 has one word for every reason.
    pub fn rejected(self, code: ReplyError) -> Bytes {
        match self {
            Self::V4 => Bytes::from_slice(&v4::reply(v4::REJECTED, None)),
            Self::V5 => reply(code, None),
        }
    }
}

/// `VER REP RSV ATYP BND.ADDR BND.PORT`; 0.0.0.0:0 where nothing is bound or known.
fn reply(code: ReplyError, bound: Option<SocketAddr>) -> Bytes {
    let mut bytes = Bytes::from_slice(&[SOCKS5_VERSION, code.as_u8(), 0]);
    push_address(
        &mut bytes,
        bound.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))),
    );
    bytes
}

/// `ATYP ADDR PORT` of an address.
pub fn push_address(bytes: &mut Bytes, address: SocketAddr) {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => {
            bytes.push(SOCKS5_ADDR_TYPE_IPV4);
            bytes.extend_from_slice(&ip.octets());
        }
        IpAddr::V6(ip) => {
            bytes.push(SOCKS5_ADDR_TYPE_IPV6);
            bytes.extend_from_slice(&ip.octets());
        }
    }
    bytes.extend_from_slice(&address.port().to_be_bytes());
}

/// The code for a request that was understood and could not be granted.
pub fn code_for(refusal: &Refusal, command: Command) -> ReplyError {
    match refusal {
        Refusal::Blocked(_) => ReplyError::ConnectionNotAllowed,
        Refusal::Failed(error) => code_for_dial(error.kind, command),
    }
}

fn code_for_dial(kind: DialErrorKind, command: Command) -> ReplyError {
    use DialErrorKind as Kind;
    match kind {
        Kind::Refused => ReplyError::ConnectionRefused,
        Kind::NetworkUnreachable => ReplyError::NetworkUnreachable,
        Kind::HostUnreachable | Kind::NameNotFound => ReplyError::HostUnreachable,
        // A silent target has no code of its own; Dante and Tor say "TTL expired" too.
        Kind::TtlExpired | Kind::TimedOut => ReplyError::TtlExpired,
        Kind::Loop | Kind::UpstreamDenied => ReplyError::ConnectionNotAllowed,
        Kind::Unsupported if command == Command::Connect => ReplyError::AddressTypeNotSupported,
        Kind::Unsupported => ReplyError::CommandNotSupported,
        _ => ReplyError::GeneralFailure,
    }
}

/// The code for a request that could not be read.
pub fn code_for_fault(fault: Fault) -> ReplyError {
    match fault {
        Fault::Command => ReplyError::CommandNotSupported,
        Fault::AddressType => ReplyError::AddressTypeNotSupported,
        Fault::BadName => ReplyError::HostUnreachable,
        _ => ReplyError::GeneralFailure,
    }
}
