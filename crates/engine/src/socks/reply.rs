//! Replies: the codes of RFC 1928, section 6, by the reason of a failure, and whole replies as bytes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use fast_socks5::ReplyError;
use fast_socks5::consts::{SOCKS5_ADDR_TYPE_IPV4, SOCKS5_ADDR_TYPE_IPV6, SOCKS5_VERSION};
use privet_gateway::Refusal;
use privet_net::DialErrorKind;
use privet_policy::Protocol;
use smallvec::SmallVec;

use super::parsed::{Command, ParseError};
use super::v4;

/// A reply: at most 22 bytes, stored inline.
pub type ReplyBytes = SmallVec<[u8; 24]>;

/// Which version of SOCKS the client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocksVersion {
    V4,
    V5,
}

impl SocksVersion {
    /// As the policy and the connection log call it.
    pub fn protocol(self) -> Protocol {
        match self {
            Self::V4 => Protocol::Socks4,
            Self::V5 => Protocol::Socks5,
        }
    }

    /// Success, with the address that we bound.
    pub fn granted(self, bound: Option<SocketAddr>) -> ReplyBytes {
        match self {
            Self::V4 => ReplyBytes::from_slice(&v4::reply(v4::GRANTED, bound)),
            Self::V5 => reply(ReplyError::Succeeded, bound),
        }
    }

    /// A failure. SOCKS4 has one code for every reason.
    pub fn rejected(self, code: ReplyError) -> ReplyBytes {
        match self {
            Self::V4 => ReplyBytes::from_slice(&v4::reply(v4::REJECTED, None)),
            Self::V5 => reply(code, None),
        }
    }
}

/// `VER REP RSV ATYP BND.ADDR BND.PORT`; 0.0.0.0:0 where nothing is bound or known.
fn reply(code: ReplyError, bound: Option<SocketAddr>) -> ReplyBytes {
    let mut bytes = ReplyBytes::from_slice(&[SOCKS5_VERSION, code.as_u8(), 0]);
    push_address(
        &mut bytes,
        bound.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))),
    );
    bytes
}

/// `ATYP ADDR PORT` of an address.
pub fn push_address(bytes: &mut ReplyBytes, address: SocketAddr) {
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

/// The code for a request that was refused.
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
        // RFC 1928 has no code for a timeout; Dante and Tor reply "TTL expired" too.
        Kind::TtlExpired | Kind::TimedOut => ReplyError::TtlExpired,
        Kind::Loop | Kind::OwnNetwork | Kind::Forbidden(_) | Kind::UpstreamDenied => {
            ReplyError::ConnectionNotAllowed
        }
        Kind::Unsupported if command == Command::Connect => ReplyError::AddressTypeNotSupported,
        Kind::Unsupported => ReplyError::CommandNotSupported,
        _ => ReplyError::GeneralFailure,
    }
}

/// The code for a request that is invalid.
pub fn code_for_parse_error(error: ParseError) -> ReplyError {
    match error {
        ParseError::Command => ReplyError::CommandNotSupported,
        ParseError::AddressType => ReplyError::AddressTypeNotSupported,
        ParseError::BadName => ReplyError::HostUnreachable,
        _ => ReplyError::GeneralFailure,
    }
}
