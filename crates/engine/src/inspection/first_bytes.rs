//! What the first bytes of a tunnel say: the host of a TLS handshake, or an HTTP request.

use privet_policy::Host;
use privet_tls::client_hello::SniName;

/// Longer words are not taken for methods.
const LONGEST_METHOD: usize = 32;
/// Methods by which plain HTTP is recognised, each with the space behind it.
const METHODS: [&[u8]; 9] = [
    b"GET ",
    b"HEAD ",
    b"POST ",
    b"PUT ",
    b"DELETE ",
    b"OPTIONS ",
    b"PATCH ",
    b"TRACE ",
    b"PROPFIND ",
];

/// Whether the handshake asks for the tunnel's host. One that asks for none does not ask for another.
pub(super) fn names_target(name: &SniName, host: &Host) -> bool {
    match (name, host) {
        (SniName::Absent, _) => true,
        (SniName::Host(name), Host::Name(host)) => name.eq_ignore_ascii_case(host),
        (SniName::Address(address), Host::Ip(ip)) => address.to_canonical() == ip.to_canonical(),
        _ => false,
    }
}

/// Whether the first bytes are those of an HTTP request, as far as they are there. Servers do not mind empty lines before it
/// (RFC 9112 §2.2), and know methods that are not in the list.
pub(super) fn is_http(received: &[u8]) -> bool {
    let is_line_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let begin = received.iter().position(|byte| !is_line_end(byte));
    let received = received.get(begin.unwrap_or(0)..).unwrap_or_default();
    let is_known = |method: &&[u8]| {
        let len = method.len().min(received.len());
        method.get(..len) == received.get(..len)
    };
    !received.is_empty() && (METHODS.iter().any(is_known) || asks_for_path(received))
}

/// Whether a method of any name and a path come first: other protocols do not begin like that.
fn asks_for_path(received: &[u8]) -> bool {
    let is_method = |byte: &u8| byte.is_ascii_uppercase() || matches!(byte, b'-' | b'_');
    let method = received
        .iter()
        .take(LONGEST_METHOD)
        .position(|byte| !is_method(byte));
    method.is_some_and(|len| {
        let rest = received.get(len..).unwrap_or_default();
        len > 0 && rest.starts_with(b" /")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_http_from_other_protocols() {
        for (bytes, expected) in [
            (&b"GET / HTTP/1.1\r\n"[..], true),
            (b"G", true),
            (b"POST /x", true),
            (b"", false),
            (b"SSH-2.0-x", false),
            (b"PRI * HTTP/2.0", false),
            (b"NICK x", false),
            (b"GETX", false),
            (b"QUERY /x HTTP/1.1", true),
            (b"VERSION-CONTROL /", true),
            (b" /x", false),
            (b"\r\nGET / HTTP/1.1", true),
            (b"\r\n", false),
            (b"get / HTTP/1.1", false),
        ] {
            assert_eq!(is_http(bytes), expected, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_handshake_names_the_target_or_nothing() {
        let name = |text: &str| SniName::Host(text.into());
        let host = |text: &str| Host::parse(text).unwrap();
        assert!(names_target(&SniName::Absent, &host("a.test")));
        assert!(names_target(&name("a.test"), &host("A.test")));
        assert!(!names_target(&name("b.test"), &host("a.test")));
        assert!(!names_target(&name("a.test"), &host("192.0.2.1")));
        let address = SniName::Address("192.0.2.1".parse().unwrap());
        assert!(names_target(&address, &host("192.0.2.1")));
        assert!(!names_target(&SniName::Invalid, &host("a.test")));
    }
}
