//! Lines of dnsmasq's configuration: `address=/name/`, `server=/name/`, `local=/name/`.

use std::net::IpAddr;

use super::line::{Line, LineFault, Reach, Take, host, is_nowhere};

pub(super) fn dnsmasq(text: &str, to: &mut impl Take) -> Result<Line, LineFault> {
    let text = text.trim();
    if text.is_empty() || text.starts_with('#') {
        return Ok(Line::Nothing);
    }
    let (key, value) = text.split_once('=').ok_or(LineFault::Form)?;
    let names = value
        .trim()
        .strip_prefix('/')
        .ok_or(LineFault::Unsupported)?;
    let (names, answer) = names.rsplit_once('/').ok_or(LineFault::Form)?;
    let answer = answer.split_ascii_whitespace().next().unwrap_or_default();
    let allow = match (key.trim(), answer) {
        ("address" | "server" | "local", "") | ("address", "#") => false,
        // "Use the ordinary servers for this name": the exception to a wider line.
        ("server" | "local", "#") => true,
        ("address", ip) => match ip.parse::<IpAddr>() {
            Ok(ip) if is_nowhere(ip) => false,
            Ok(_) => return Err(LineFault::NoBlock),
            Err(_) => return Err(LineFault::Form),
        },
        ("server" | "local", _) => return Err(LineFault::NoBlock),
        _ => return Err(LineFault::Unsupported),
    };
    let mut line = Line::Beside;
    for name in names.split('/').filter(|name| !name.is_empty()) {
        let (host, below) = host(name)?;
        // A leading dot means nothing to dnsmasq, a star leaves the name itself out.
        let reach = if below && name.starts_with('*') {
            Reach::Below
        } else {
            Reach::Both
        };
        to.take(&host, reach, allow, false);
        line = Line::Hosts;
    }
    Ok(line)
}
