//! Domain names in the form in which they are compared: lower case, ASCII, without a dot at either end.

use std::net::IpAddr;

use idna::AsciiDenyList;

/// RFC 1035 section 2.3.4, without the final dot.
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

/// "Bücher.Example." → "xn--bcher-kva.example". `None` for an IP address and for text that is no name.
pub fn normal_domain(text: &str) -> Option<String> {
    let text = text.trim();
    let bare = text.strip_prefix('.').unwrap_or(text);
    let bare = bare.strip_suffix('.').unwrap_or(bare);
    if bare.parse::<IpAddr>().is_ok() {
        return None;
    }
    let ascii = idna::domain_to_ascii_cow(bare.as_bytes(), AsciiDenyList::URL).ok()?;
    let fits = (1..=MAX_NAME).contains(&ascii.len())
        && ascii
            .split('.')
            .all(|label| (1..=MAX_LABEL).contains(&label.len()))
        && ascii
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    fits.then(|| ascii.into_owned())
}
