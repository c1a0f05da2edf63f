//! The client side of HTTP CONNECT (RFC 9110 section 9.3.6).

use bytes::Bytes;

use super::handshake::HopHandshake;
use super::reply::MalformedReply;
use crate::{DialError, DialErrorKind, Stream};

/// The most bytes of a reply's heads together, 1xx included.
pub const MAX_HEAD: usize = 16 * 1024;
const MAX_FIELDS: usize = 100;

/// The final status of a reply, and the length of its heads (1xx included); `None`: more bytes are needed.
///
/// A tunnel begins behind the head of a 2xx to CONNECT: `Content-Length` and `Transfer-Encoding` are ignored (RFC 9110
/// section 9.3.6).
pub fn parse_reply(bytes: &[u8]) -> Result<Option<(u16, usize)>, MalformedReply> {
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some((status, taken)) = parse_head(rest)? else {
            return Ok(None);
        };
        at += taken;
        match status {
            101 => return Err(MalformedReply("it switched protocols unasked")),
            100..=199 => {}
            _ => return Ok(Some((status, at))),
        }
    }
}

/// The status, and the length of the head.
fn parse_head(bytes: &[u8]) -> Result<Option<(u16, usize)>, MalformedReply> {
    let start = b"HTTP/1.";
    if !bytes.iter().zip(start).all(|(a, b)| a == b) {
        return Err(MalformedReply("this is not HTTP/1"));
    }
    // Parsed only once it is complete: parsing after each byte would take quadratic time.
    if !ends(bytes) {
        return Ok(None);
    }
    let mut config = httparse::ParserConfig::default();
    config.allow_spaces_after_header_name_in_responses(true);
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut head = httparse::Response::new(&mut fields);
    match config.parse_response(&mut head, bytes) {
        Ok(httparse::Status::Complete(taken)) => match head.code {
            Some(code @ 100..=599) => Ok(Some((code, taken))),
            _ => Err(MalformedReply("its status is not between 100 and 599")),
        },
        Ok(httparse::Status::Partial) => Ok(None),
        Err(_) => Err(MalformedReply("its head is not valid HTTP")),
    }
}

fn ends(bytes: &[u8]) -> bool {
    bytes.windows(2).any(|pair| pair == b"\n\n") || bytes.windows(3).any(|three| three == b"\n\r\n")
}

fn request(handshake: &HopHandshake<'_>) -> String {
    let target = handshake.target;
    let mut head = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
    if let Some(login) = handshake.login {
        head.push_str("Proxy-Authorization: ");
        head.push_str(&login.basic());
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    head
}

pub(crate) async fn connect(
    handshake: &HopHandshake<'_>,
    stream: &mut Stream,
) -> Result<Bytes, DialError> {
    let head = request(handshake);
    let wait = handshake.timeouts.reply;
    let (status, excess) = handshake
        .exchange(stream, head.as_bytes(), wait, MAX_HEAD, parse_reply)
        .await?;
    match refusal(status) {
        None => Ok(excess),
        Some((kind, what)) => Err(handshake.error(kind, &format!("answered {status}: {what}"))),
    }
}

/// What a status means; `None`: the tunnel is open. A 407 is not retried: the credentials, if any, were sent already.
pub fn refusal(status: u16) -> Option<(DialErrorKind, &'static str)> {
    Some(match status {
        200..=299 => return None,
        407 => (
            DialErrorKind::UpstreamAuth,
            "check its username and password",
        ),
        404 | 410 | 500 | 502 | 503 => (DialErrorKind::HostUnreachable, "it could not connect"),
        504 => (
            DialErrorKind::TimedOut,
            "the target did not answer it in time",
        ),
        _ => (
            DialErrorKind::UpstreamDenied,
            "it does not allow this target",
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_head_ends_at_its_last_byte_and_the_rest_belongs_to_the_tunnel() {
        let head = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 Connection established\r\nContent-Length: 0\r\n\r\n";
        for cut in 0..head.len() {
            assert_eq!(parse_reply(&head[..cut]), Ok(None), "{cut}");
        }
        let spoken = [&head[..], b"hello"].concat();
        assert_eq!(parse_reply(&spoken), Ok(Some((200, head.len()))));
    }

    #[test]
    fn the_framing_of_a_reply_is_ignored() {
        for field in [
            "Content-Length: 4",
            "Content-Length : 4",
            "Transfer-Encoding: chunked",
        ] {
            for status in ["200 OK", "502 No"] {
                let head = format!("HTTP/1.1 {status}\r\n{field}\r\n\r\n");
                let taken = parse_reply(format!("{head}data").as_bytes())
                    .unwrap()
                    .unwrap()
                    .1;
                assert_eq!(taken, head.len(), "{field}");
            }
        }
    }

    #[test]
    fn a_reply_that_is_not_http_fails_at_its_first_wrong_byte() {
        assert!(parse_reply(b"SSH-2.0").is_err());
        assert!(parse_reply(b"HTTP/2").is_err());
        assert!(parse_reply(b"HTTP/1.1 101 Switching\r\n\r\n").is_err());
        assert!(parse_reply(b"HTTP/1.1 200 OK\r\nbad name: x\r\n\r\n").is_err());
        assert!(parse_reply(b"HTTP/1.1 999 No\r\n\r\n").is_err());
    }

    proptest! {
        #[test]
        fn any_input_is_decided_and_never_consumed_beyond_its_end(
            start in prop_oneof![Just(&b""[..]), Just(&b"HTTP/1.1 200 OK\r\n"[..]), Just(&b"HTTP/1.1 100 \r\n\r\n"[..])],
            rest in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\r'), Just(b'\n')], 0..300),
        ) {
            let bytes = [start, &rest].concat();
            if let Ok(Some((status, taken))) = parse_reply(&bytes) {
                prop_assert!(taken <= bytes.len() && (200..600).contains(&status));
                // The result does not depend on what follows.
                prop_assert_eq!(parse_reply(&bytes[..taken]), Ok(Some((status, taken))));
            }
        }
    }
}
