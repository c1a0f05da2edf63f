//! Tells what a client speaks by the first byte it sends, so that one listener serves SOCKS4, SOCKS5 and HTTP.
//! One byte is enough: 4 and 5 are no characters of an HTTP method (RFC 9110, section 5.6.2), so no client waits.

/// What a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Speech {
    /// SOCKS4 or SOCKS4a; which of them, the request itself says.
    Socks4,
    Socks5,
    /// A method's first character was seen.
    Http,
    /// TLS, SSH, noise: closed without an answer.
    Foreign,
}

/// What the first bytes say; `None` while there are none.
pub fn detect(first: &[u8]) -> Option<Speech> {
    Some(match *first.first()? {
        4 => Speech::Socks4,
        5 => Speech::Socks5,
        byte if is_token(byte) => Speech::Http,
        // RFC 9112, section 2.2: a server should ignore an empty line received before the request line.
        b'\r' | b'\n' => Speech::Http,
        _ => Speech::Foreign,
    })
}

/// `tchar` of RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_tells_the_protocol() {
        let table: [(&[u8], Option<Speech>); 10] = [
            (b"", None),
            (b"\x04\x01", Some(Speech::Socks4)),
            (b"\x05", Some(Speech::Socks5)),
            (b"G", Some(Speech::Http)),
            (b"CONNECT a:1 HTTP/1.1", Some(Speech::Http)),
            (b"\r\nGET", Some(Speech::Http)),
            (b"\x16\x03\x01", Some(Speech::Foreign)),
            (b"\0", Some(Speech::Foreign)),
            (b" GET", Some(Speech::Foreign)),
            (b"\xffx", Some(Speech::Foreign)),
        ];
        for (bytes, expected) in table {
            assert_eq!(detect(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn every_byte_has_one_meaning_whatever_follows() {
        for byte in 0..=255u8 {
            assert!(detect(&[byte]).is_some());
            assert_eq!(detect(&[byte]), detect(&[byte, 5, 4, b'G']));
        }
    }
}
