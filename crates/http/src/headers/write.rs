//! Writes single field lines, hosts and numbers.

use std::io::Write;
use std::net::IpAddr;

use privet_policy::{Host, Target};

pub(crate) fn write_field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Writes `host[:port]`; port 80 is left out (RFC 9110 §4.2.1).
pub(crate) fn write_host(out: &mut Vec<u8>, target: &Target) {
    match &target.host {
        Host::Name(name) => out.extend_from_slice(name.as_bytes()),
        Host::Ip(IpAddr::V6(ip)) => {
            let _ = write!(out, "[{ip}]");
        }
        Host::Ip(IpAddr::V4(ip)) => {
            let _ = write!(out, "{ip}");
        }
    }
    if target.port != 80 {
        out.push(b':');
        write_number(out, u64::from(target.port));
    }
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
