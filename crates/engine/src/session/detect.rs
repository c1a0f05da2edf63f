//! Detects a client's protocol by the first byte it sends, so that one listener serves SOCKS4, SOCKS5 and HTTP. One byte is
//! enough: 4 and 5 are no characters of an HTTP method (RFC 9110, section 5.6.2).

/// RFC 8446, section 5.1: the type of the record that TLS begins with.
const TLS_HANDSHAKE: u8 = 0x16;

/// The protocol of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClientProtocol {
    /// SOCKS4 or SOCKS4a; the request determines which.
    Socks4,
    Socks5,
    /// The first character of a method, or an empty line before it.
    Http,
    /// TLS or anything else: closed without an answer, and recorded.
    Unsupported,
}

/// The protocol by the first byte; `None` while there is none.
pub fn detect(first: &[u8]) -> Option<ClientProtocol> {
    Some(match *first.first()? {
        4 => ClientProtocol::Socks4,
        5 => ClientProtocol::Socks5,
        byte if is_token(byte) => ClientProtocol::Http,
        // RFC 9112, section 2.2: a server should ignore an empty line received before the request line.
        b'\r' | b'\n' => ClientProtocol::Http,
        _ => ClientProtocol::Unsupported,
    })
}

/// What is wrong with a client whose protocol its listener does not take.
pub fn unsupported(first: &[u8]) -> String {
    match (detect(first), first.first()) {
        (Some(ClientProtocol::Socks4 | ClientProtocol::Socks5), _) => {
            "SOCKS on a listener that takes none".to_owned()
        }
        (Some(ClientProtocol::Http), _) => "HTTP on a listener that takes none".to_owned(),
        (_, Some(&TLS_HANDSHAKE)) => {
            "TLS on a listener that takes none: give this proxy as http:// or socks5://, or use an https listener"
                .to_owned()
        }
        (_, Some(byte)) => format!("neither SOCKS nor HTTP: it begins with the byte {byte:#04x}"),
        (_, None) => "nothing was sent".to_owned(),
    }
}

/// `tchar` of RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_determines_the_protocol() {
        let table: [(&[u8], Option<ClientProtocol>); 10] = [
            (b"", None),
            (b"\x04\x01", Some(ClientProtocol::Socks4)),
            (b"\x05", Some(ClientProtocol::Socks5)),
            (b"G", Some(ClientProtocol::Http)),
            (b"CONNECT a:1 HTTP/1.1", Some(ClientProtocol::Http)),
            (b"\r\nGET", Some(ClientProtocol::Http)),
            (b"\x16\x03\x01", Some(ClientProtocol::Unsupported)),
            (b"\0", Some(ClientProtocol::Unsupported)),
            (b" GET", Some(ClientProtocol::Unsupported)),
            (b"\xffx", Some(ClientProtocol::Unsupported)),
        ];
        for (bytes, expected) in table {
            assert_eq!(detect(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn the_reason_names_what_was_sent() {
        assert!(unsupported(b"\x16\x03\x01").contains("https listener"));
        assert!(unsupported(b"\0").ends_with("0x00"));
        assert!(unsupported(b"\x05\x01\0").starts_with("SOCKS on"));
        assert!(unsupported(b"GET /").starts_with("HTTP on"));
    }

    #[test]
    fn every_first_byte_has_one_meaning_whatever_follows() {
        for byte in 0..=255u8 {
            assert!(detect(&[byte]).is_some());
            assert_eq!(detect(&[byte]), detect(&[byte, 5, 4, b'G']));
        }
    }
}
