//! The fields that tell a backend who asks: `Forwarded` (RFC 7239) and `X-Forwarded-*`, made anew. What the client sent in
//! them is dropped: anyone can write them.

use std::io::Write;
use std::net::IpAddr;

use privet_http::headers::write_ipv4;

/// Tells a backend that its responses go through a cache which obeys `Surrogate-Control`.
pub const SURROGATE_CAPABILITY: &[u8] = b"Surrogate-Capability: privet=\"Surrogate/1.0\"\r\n";

/// Who asks, and for what.
#[derive(Debug, Clone, Copy)]
pub struct Forwarded<'a> {
    pub client: IpAddr,
    /// The value of `Host`, as the client sent it.
    pub host: &'a [u8],
    /// The client's connection is TLS.
    pub tls: bool,
    /// The prefix that the backend does not see; empty: none was stripped.
    pub prefix: &'a [u8],
}

impl Forwarded<'_> {
    /// Appends the field lines, each with its CRLF.
    pub fn write(&self, out: &mut Vec<u8>) {
        let client = self.client.to_canonical();
        let proto: &[u8] = if self.tls { b"https" } else { b"http" };
        out.extend_from_slice(b"Forwarded: for=");
        match client {
            IpAddr::V4(_) => write_ip(out, client),
            IpAddr::V6(_) => {
                out.extend_from_slice(b"\"[");
                write_ip(out, client);
                out.extend_from_slice(b"]\"");
            }
        }
        out.extend_from_slice(b";host=");
        write_value(out, self.host);
        out.extend_from_slice(b";proto=");
        out.extend_from_slice(proto);
        out.extend_from_slice(b"\r\nX-Forwarded-For: ");
        write_ip(out, client);
        out.extend_from_slice(b"\r\nX-Forwarded-Host: ");
        out.extend_from_slice(self.host);
        out.extend_from_slice(b"\r\nX-Forwarded-Proto: ");
        out.extend_from_slice(proto);
        out.extend_from_slice(b"\r\n");
        if !self.prefix.is_empty() {
            out.extend_from_slice(b"X-Forwarded-Prefix: ");
            out.extend_from_slice(self.prefix);
            out.extend_from_slice(b"\r\n");
        }
    }
}

fn write_ip(out: &mut Vec<u8>, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => write_ipv4(out, ip),
        IpAddr::V6(ip) => {
            // Writing to a vector does not fail.
            let _ = write!(out, "{ip}");
        }
    }
}

/// A token, or a quoted string (RFC 7239 section 4).
fn write_value(out: &mut Vec<u8>, value: &[u8]) {
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    if !value.is_empty() && value.iter().all(token) {
        return out.extend_from_slice(value);
    }
    out.push(b'"');
    for &byte in value {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(client: &str, host: &str, tls: bool, prefix: &str) -> String {
        let mut out = Vec::new();
        Forwarded {
            client: client.parse().unwrap(),
            host: host.as_bytes(),
            tls,
            prefix: prefix.as_bytes(),
        }
        .write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_client_the_host_and_the_scheme_are_told() {
        assert_eq!(
            written("192.0.2.7", "app.test", false, ""),
            "Forwarded: for=192.0.2.7;host=app.test;proto=http\r\nX-Forwarded-For: 192.0.2.7\r\n\
             X-Forwarded-Host: app.test\r\nX-Forwarded-Proto: http\r\n"
        );
        assert_eq!(
            written("2001:db8::7", "app.test:8443", true, "/api"),
            "Forwarded: for=\"[2001:db8::7]\";host=\"app.test:8443\";proto=https\r\nX-Forwarded-For: 2001:db8::7\r\n\
             X-Forwarded-Host: app.test:8443\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Prefix: /api\r\n"
        );
        assert!(written("::ffff:192.0.2.7", "a", false, "").contains("for=192.0.2.7;"));
    }
}
