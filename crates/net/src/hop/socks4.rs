//! The client side of SOCKS4 and SOCKS4a.

use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use privet_config::Scheme;
use privet_policy::{Host, Target};

use super::handshake::HopHandshake;
use super::reply::MalformedReply;
use crate::{DialError, DialErrorKind, Stream};

const REPLY: usize = 8;
const GRANTED: u8 = 90;
/// The address that announces a name behind the user-id (SOCKS4a): 0.0.0.x with x not 0.
const NAME_FOLLOWS: Ipv4Addr = Ipv4Addr::new(0, 0, 0, 1);

/// The code of a reply, and its length; `None`: more bytes are needed.
pub fn parse_reply(bytes: &[u8]) -> Result<Option<(u8, usize)>, MalformedReply> {
    match bytes {
        [first, ..] if *first != 0 => Err(MalformedReply("this is not a SOCKS4 reply")),
        [_, code, ..] if bytes.len() >= REPLY => Ok(Some((*code, REPLY))),
        _ => Ok(None),
    }
}

/// CONNECT with an address or (SOCKS4a) a name. `None`: the user-id or the name contains NUL, which would end it
/// early.
fn request(user_id: &str, target: &Target, address: Option<Ipv4Addr>) -> Option<Vec<u8>> {
    let mut message = vec![4, 1];
    message.extend(target.port.to_be_bytes());
    message.extend(address.unwrap_or(NAME_FOLLOWS).octets());
    if user_id.contains('\0') {
        return None;
    }
    message.extend(user_id.as_bytes());
    message.push(0);
    if address.is_none() {
        let name = target.host.to_string();
        if name.contains('\0') {
            return None;
        }
        message.extend(name.as_bytes());
        message.push(0);
    }
    Some(message)
}

/// The IPv4 address to send; `None`: the name is sent. The error says why neither is possible.
fn address_for(handshake: &HopHandshake<'_>) -> Result<Option<Ipv4Addr>, &'static str> {
    let v4 = |ip: &IpAddr| match ip.to_canonical() {
        IpAddr::V4(ip) => Some(ip),
        IpAddr::V6(_) => None,
    };
    match &handshake.target.host {
        Host::Ip(ip) => match v4(ip) {
            // 0.0.0.x would announce a name.
            Some(ip) if ip.octets().starts_with(&[0, 0, 0]) => Err("cannot carry this address"),
            Some(ip) => Ok(Some(ip)),
            None => Err("speaks SOCKS4, which cannot carry an IPv6 address"),
        },
        Host::Name(_) if handshake.hop.scheme == Scheme::Socks4a => Ok(None),
        Host::Name(_) => match handshake.addresses.iter().find_map(v4) {
            Some(ip) => Ok(Some(ip)),
            None => Err("speaks SOCKS4, which cannot carry a name: use socks4a or socks5"),
        },
    }
}

pub(crate) async fn connect(
    handshake: &HopHandshake<'_>,
    stream: &mut Stream,
) -> Result<Bytes, DialError> {
    let address =
        address_for(handshake).map_err(|what| handshake.error(DialErrorKind::Unsupported, what))?;
    let user_id = handshake.login.map_or("", |login| login.name.as_str());
    let message = request(user_id, handshake.target, address)
        .ok_or_else(|| handshake.error(DialErrorKind::Unsupported, "cannot carry a NUL byte"))?;
    let wait = handshake.timeouts.reply;
    let (code, excess) = handshake
        .exchange(stream, &message, wait, REPLY + 504, parse_reply)
        .await?;
    match code {
        GRANTED => Ok(excess),
        91 => Err(handshake.error(
            DialErrorKind::HostUnreachable,
            "rejected the request or could not connect",
        )),
        92 | 93 => Err(handshake.error(
            DialErrorKind::UpstreamAuth,
            "wants to know the user by identd",
        )),
        _ => Err(handshake.error(
            DialErrorKind::UpstreamProtocol,
            "answered with an unknown reply code",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_whole_at_its_eighth_byte_and_not_before() {
        let bytes = [0, 90, 0, 80, 192, 0, 2, 1, 77];
        for cut in 0..REPLY {
            assert_eq!(parse_reply(&bytes[..cut]), Ok(None), "{cut}");
        }
        assert_eq!(parse_reply(&bytes), Ok(Some((90, 8))));
        assert!(parse_reply(&[4, 90]).is_err());
    }

    #[test]
    fn a_name_follows_the_user_id_and_both_end_with_nul() {
        let target = Target {
            host: Host::Name("a.test".into()),
            port: 80,
        };
        assert_eq!(
            request("bob", &target, None).unwrap(),
            b"\x04\x01\x00\x50\x00\x00\x00\x01bob\0a.test\0"
        );
        assert!(request("b\0b", &target, None).is_none());
        assert_eq!(
            request("", &target, Some(Ipv4Addr::new(192, 0, 2, 1))).unwrap(),
            b"\x04\x01\x00\x50\xc0\x00\x02\x01\0"
        );
    }
}
