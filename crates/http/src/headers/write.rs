//! Writes single field lines, hosts and numbers.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};

use http::HeaderMap;
use privet_policy::{Host, Target};

use crate::head::Scheme;

pub(crate) fn write_field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

pub(crate) fn write_fields(out: &mut Vec<u8>, fields: &HeaderMap) {
    for (name, value) in fields {
        write_field(out, name.as_str().as_bytes(), value.as_bytes());
    }
}

/// Writes `host[:port]`; the scheme's port is left out (RFC 9110 §4.2.1).
pub(crate) fn write_host(out: &mut Vec<u8>, target: &Target, scheme: Scheme) {
    match &target.host {
        Host::Name(name) => out.extend_from_slice(name.as_bytes()),
        Host::Ip(IpAddr::V6(ip)) => {
            let _ = write!(out, "[{ip}]");
        }
        Host::Ip(IpAddr::V4(ip)) => write_ipv4(out, *ip),
    }
    if target.port != scheme.omitted_port() {
        out.push(b':');
        write_number(out, u64::from(target.port));
    }
}

/// Writes an IPv4 address, without the formatting machinery, which costs more than the rest of the line.
pub fn write_ipv4(out: &mut Vec<u8>, ip: Ipv4Addr) {
    let mut text = [b'.'; 15];
    let mut len = 0;
    let mut put = |byte| {
        if let Some(place) = text.get_mut(len) {
            *place = byte;
        }
        len += 1;
    };
    for (place, octet) in ip.octets().into_iter().enumerate() {
        if place > 0 {
            put(b'.');
        }
        if octet >= 100 {
            put(b'0' + octet / 100);
        }
        if octet >= 10 {
            put(b'0' + octet / 10 % 10);
        }
        put(b'0' + octet % 10);
    }
    out.extend_from_slice(text.get(..len).unwrap_or_default());
}

/// Writes a decimal number.
pub(crate) fn write_number(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0u8; 20];
    let mut rest = number;
    let mut count = 0;
    for slot in digits.iter_mut().rev() {
        *slot = b'0' + (rest % 10) as u8;
        rest /= 10;
        count += 1;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(20 - count..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_the_standard_library_writes_them() {
        for first in 0..=255u8 {
            for ip in [
                [first, 0, 10, 255],
                [1, first, 99, 100],
                [200, 9, 19, first],
            ] {
                let ip = Ipv4Addr::from(ip);
                let mut out = Vec::new();
                write_ipv4(&mut out, ip);
                assert_eq!(out, ip.to_string().as_bytes());
            }
        }
    }
}
