//! The client side of SOCKS5 (RFC 1928, RFC 1929): messages and replies without I/O, then the handshake.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::Bytes;
use privet_policy::{Host, Target};
use secrecy::ExposeSecret;
use smallvec::SmallVec;

use super::config::Hop;
use super::credentials::{Credentials, MAX_FIELD};
use super::handshake::HopHandshake;
use super::reply::MalformedReply;
use crate::{DialError, DialErrorKind, Stream};

const VERSION: u8 = 5;
const LOGIN_VERSION: u8 = 1;
const NO_LOGIN: u8 = 0;
const NAME_AND_PASSWORD: u8 = 2;
const NOTHING_ACCEPTABLE: u8 = 0xff;
/// Version, reply, reserved, type, 1 + 255 bytes of name, port.
pub const MAX_REPLY: usize = 4 + 1 + 255 + 2;

/// CMD (RFC 1928 section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Command {
    Connect = 1,
    Bind = 2,
    UdpAssociate = 3,
}

/// BND.ADDR and BND.PORT of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BoundAddress {
    Address(SocketAddr),
    /// A name, which is legal but of no use here, and this port.
    Name(u16),
}

/// A reply (RFC 1928 section 6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// REP; 0: succeeded.
    pub code: u8,
    pub bound: BoundAddress,
}

/// The method that the server chose (RFC 1928 section 3), and the length of the message.
pub fn parse_method(bytes: &[u8]) -> Result<Option<(u8, usize)>, MalformedReply> {
    match bytes {
        [VERSION, method, ..] => Ok(Some((*method, 2))),
        [] | [VERSION] => Ok(None),
        _ => Err(MalformedReply("this is not SOCKS5")),
    }
}

/// The response to a login (RFC 1929 section 2): whether it was accepted, and its length.
pub fn parse_login_answer(bytes: &[u8]) -> Result<Option<(bool, usize)>, MalformedReply> {
    match bytes {
        // Some servers send 5 as the version here, and real clients accept it.
        [LOGIN_VERSION | VERSION, status, ..] => Ok(Some((*status == 0, 2))),
        [] | [LOGIN_VERSION | VERSION] => Ok(None),
        _ => Err(MalformedReply("this is no answer to a login (RFC 1929)")),
    }
}

/// A reply (RFC 1928 section 6), and its length; `None`: more bytes are needed.
pub fn parse_reply(bytes: &[u8]) -> Result<Option<(Reply, usize)>, MalformedReply> {
    match bytes.first() {
        None => return Ok(None),
        Some(&VERSION) => {}
        Some(_) => return Err(MalformedReply("this is not a SOCKS5 reply")),
    }
    if bytes.get(2).is_some_and(|reserved| *reserved != 0) {
        return Err(MalformedReply("the reserved byte of the reply is not zero"));
    }
    let (Some(&code), Some(&kind)) = (bytes.get(1), bytes.get(3)) else {
        return Ok(None);
    };
    let found = match kind {
        1 => fixed::<4>(bytes, |ip| IpAddr::V4(Ipv4Addr::from(ip))),
        4 => fixed::<16>(bytes, |ip| IpAddr::V6(Ipv6Addr::from(ip))),
        3 => named(bytes),
        _ => return Err(MalformedReply("unknown address type in the reply")),
    };
    Ok(found.map(|(bound, taken)| (Reply { code, bound }, taken)))
}

fn fixed<const N: usize>(bytes: &[u8], ip: fn([u8; N]) -> IpAddr) -> Option<(BoundAddress, usize)> {
    let octets: [u8; N] = bytes.get(4..4 + N)?.try_into().ok()?;
    let port = port_at(bytes, 4 + N)?;
    let address = SocketAddr::new(ip(octets), port);
    Some((BoundAddress::Address(address), 4 + N + 2))
}

fn named(bytes: &[u8]) -> Option<(BoundAddress, usize)> {
    let length = usize::from(*bytes.get(4)?);
    let port = port_at(bytes, 5 + length)?;
    Some((BoundAddress::Name(port), 5 + length + 2))
}

fn port_at(bytes: &[u8], at: usize) -> Option<u16> {
    let port: [u8; 2] = bytes.get(at..at + 2)?.try_into().ok()?;
    Some(u16::from_be_bytes(port))
}

/// A request (RFC 1928 section 4). `None`: the name is longer than 255 bytes.
pub fn request(command: Command, target: &Target) -> Option<SmallVec<[u8; 64]>> {
    let mut message = SmallVec::from_slice(&[VERSION, command as u8, 0]);
    match &target.host {
        Host::Ip(ip) => match ip.to_canonical() {
            IpAddr::V4(ip) => {
                message.push(1);
                message.extend_from_slice(&ip.octets());
            }
            IpAddr::V6(ip) => {
                message.push(4);
                message.extend_from_slice(&ip.octets());
            }
        },
        Host::Name(name) => {
            message.push(3);
            message.push(u8::try_from(name.len()).ok()?);
            message.extend_from_slice(name.as_bytes());
        }
    }
    message.extend_from_slice(&target.port.to_be_bytes());
    Some(message)
}

/// A login (RFC 1929 section 2). `None`: a field is empty or longer than 255 bytes.
fn login_message(login: &Credentials) -> Option<SmallVec<[u8; 64]>> {
    let mut message = SmallVec::from_slice(&[LOGIN_VERSION]);
    for field in [
        login.name.as_bytes(),
        login.password.expose_secret().as_bytes(),
    ] {
        if field.is_empty() || field.len() > MAX_FIELD {
            return None;
        }
        message.push(u8::try_from(field.len()).ok()?);
        message.extend_from_slice(field);
    }
    Some(message)
}

/// The greeting with the methods to offer. With isolated credentials "no authentication" is not offered: it would
/// join streams that must stay separate.
fn greeting(hop: &Hop, login: Option<&Credentials>) -> &'static [u8] {
    match login {
        None => &[VERSION, 1, NO_LOGIN],
        Some(_) if hop.isolate == privet_config::Isolation::None => {
            &[VERSION, 2, NO_LOGIN, NAME_AND_PASSWORD]
        }
        Some(_) => &[VERSION, 1, NAME_AND_PASSWORD],
    }
}

/// Negotiates the method and logs in. Then the stream is ready for a request.
pub(crate) async fn negotiate(
    handshake: &HopHandshake<'_>,
    stream: &mut Stream,
) -> Result<(), DialError> {
    let offer = greeting(handshake.hop, handshake.login);
    let (method, excess) = handshake
        .exchange(
            stream,
            offer,
            handshake.timeouts.step,
            MAX_REPLY,
            parse_method,
        )
        .await
        .map_err(silence_is_down)?;
    handshake.expect_nothing_more(&excess)?;
    let offered = offer.get(2..).is_some_and(|list| list.contains(&method));
    match (method, handshake.login) {
        (NOTHING_ACCEPTABLE, _) => Err(handshake.error(
            DialErrorKind::UpstreamAuth,
            "wants another way to log in: check its username and password",
        )),
        _ if !offered => Err(handshake.error(
            DialErrorKind::UpstreamProtocol,
            "chose a login method that was not offered",
        )),
        (NAME_AND_PASSWORD, Some(login)) => log_in(handshake, stream, login).await,
        _ => Ok(()),
    }
}

async fn log_in(
    handshake: &HopHandshake<'_>,
    stream: &mut Stream,
    login: &Credentials,
) -> Result<(), DialError> {
    let message = login_message(login).ok_or_else(|| {
        handshake.error(
            DialErrorKind::UpstreamAuth,
            "has a username or password that SOCKS5 cannot carry (1 to 255 bytes each)",
        )
    })?;
    let wait = handshake.timeouts.step;
    let (accepted, excess) = handshake
        .exchange(stream, &message, wait, MAX_REPLY, parse_login_answer)
        .await
        .map_err(silence_is_down)?;
    handshake.expect_nothing_more(&excess)?;
    if accepted {
        return Ok(());
    }
    Err(handshake.error(
        DialErrorKind::UpstreamAuth,
        "refused the login: check its username and password",
    ))
}

/// A timeout before the request is never the target's fault.
fn silence_is_down(error: DialError) -> DialError {
    match error.kind {
        DialErrorKind::TimedOut => DialError {
            kind: DialErrorKind::UpstreamDown,
            ..error
        },
        _ => error,
    }
}

/// Sends CONNECT on a negotiated stream.
pub(crate) async fn connect(
    handshake: &HopHandshake<'_>,
    stream: &mut Stream,
) -> Result<Bytes, DialError> {
    let message = request(Command::Connect, handshake.target).ok_or_else(|| {
        handshake.error(DialErrorKind::Unsupported, "cannot carry so long a name")
    })?;
    let wait = handshake.timeouts.reply;
    let (reply, excess) = handshake
        .exchange(stream, &message, wait, MAX_REPLY, parse_reply)
        .await?;
    match refusal(reply.code) {
        None => Ok(excess),
        Some((kind, what)) => Err(handshake.error(kind, what)),
    }
}

/// What a reply code means; `None`: success.
pub fn refusal(code: u8) -> Option<(DialErrorKind, &'static str)> {
    Some(match code {
        0 => return None,
        1 => (
            DialErrorKind::HostUnreachable,
            "could not connect (general failure)",
        ),
        2 => (DialErrorKind::UpstreamDenied, "does not allow it"),
        3 => (
            DialErrorKind::NetworkUnreachable,
            "reports that the network is unreachable",
        ),
        4 => (
            DialErrorKind::HostUnreachable,
            "reports that the host is unreachable",
        ),
        5 => (
            DialErrorKind::Refused,
            "reports that the target refused the connection",
        ),
        6 => (DialErrorKind::TtlExpired, "reports that the TTL expired"),
        7 => (DialErrorKind::Unsupported, "does not know this command"),
        8 => (
            DialErrorKind::Unsupported,
            "does not know this kind of address",
        ),
        _ => (
            DialErrorKind::UpstreamProtocol,
            "answered with an unknown reply code",
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(reply: &Reply, name: &[u8]) -> Vec<u8> {
        let mut bytes = vec![5, reply.code, 0];
        match &reply.bound {
            BoundAddress::Address(SocketAddr::V4(address)) => {
                bytes.push(1);
                bytes.extend(address.ip().octets());
                bytes.extend(address.port().to_be_bytes());
            }
            BoundAddress::Address(SocketAddr::V6(address)) => {
                bytes.push(4);
                bytes.extend(address.ip().octets());
                bytes.extend(address.port().to_be_bytes());
            }
            BoundAddress::Name(port) => {
                bytes.extend([3, name.len() as u8]);
                bytes.extend(name);
                bytes.extend(port.to_be_bytes());
            }
        }
        bytes
    }

    fn bound() -> impl Strategy<Value = BoundAddress> {
        prop_oneof![
            (any::<[u8; 4]>(), any::<u16>())
                .prop_map(|(ip, port)| BoundAddress::Address((ip, port).into())),
            (any::<[u8; 16]>(), any::<u16>())
                .prop_map(|(ip, port)| BoundAddress::Address((ip, port).into())),
            any::<u16>().prop_map(BoundAddress::Name),
        ]
    }

    proptest! {
        #[test]
        fn a_reply_written_is_read_the_same_however_it_is_split(
            code: u8, bound in bound(), name in prop::collection::vec(any::<u8>(), 0..=255),
            behind in prop::collection::vec(any::<u8>(), 0..8),
        ) {
            let reply = Reply { code, bound };
            let bytes = written(&reply, &name);
            for cut in 0..bytes.len() {
                prop_assert_eq!(parse_reply(&bytes[..cut]), Ok(None));
            }
            let whole = bytes.len();
            let with_more = [bytes, behind].concat();
            prop_assert_eq!(parse_reply(&with_more), Ok(Some((reply, whole))));
        }

        #[test]
        fn any_input_is_decided_within_the_bound(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            match parse_reply(&bytes) {
                Ok(Some((_, taken))) => prop_assert!(taken <= bytes.len() && taken <= MAX_REPLY),
                Ok(None) => prop_assert!(bytes.len() < MAX_REPLY),
                Err(_) => {}
            }
            let _ = (parse_method(&bytes), parse_login_answer(&bytes));
        }
    }

    #[test]
    fn a_name_of_255_bytes_is_sent_and_one_of_256_is_refused() {
        let target = |length: usize| Target {
            host: Host::Name("a".repeat(length).into()),
            port: 80,
        };
        assert_eq!(
            request(Command::Connect, &target(255)).unwrap().len(),
            4 + 1 + 255 + 2
        );
        assert!(request(Command::Connect, &target(256)).is_none());
    }

    #[test]
    fn a_mapped_address_is_sent_as_the_ipv4_address_it_is() {
        let target = Target {
            host: Host::Ip("::ffff:192.0.2.7".parse().unwrap()),
            port: 80,
        };
        assert_eq!(
            request(Command::Bind, &target).unwrap().as_slice(),
            [5, 2, 0, 1, 192, 0, 2, 7, 0, 80]
        );
    }

    #[test]
    fn a_login_too_long_for_rfc_1929_is_never_truncated() {
        assert!(
            login_message(&Credentials::new("a".repeat(255), "b".repeat(255).into())).is_some()
        );
        assert!(login_message(&Credentials::new("a".repeat(256), "b".into())).is_none());
        assert!(login_message(&Credentials::new("a", "".into())).is_none());
    }
}
