//! Writes a request's head for the next hop.

use privet_config::HeaderMode;
use privet_net::AbsoluteForm;
use privet_policy::Target;
use privet_scan::decode;

use super::header_mode::{self, FieldAction};
use super::site::SiteRequest;
use super::via;
use super::write::{write_field, write_host, write_number};
use crate::head::{BodyLength, FieldKind, Method, RequestHead};

/// Where a request goes, and how its head is rewritten.
pub struct RequestRewrite<'a> {
    pub target: &'a Target,
    pub mode: HeaderMode,
    /// Set where the next hop is an HTTP proxy: the request is sent in absolute-form, with these credentials.
    pub proxy: Option<&'a AbsoluteForm>,
    /// Set where the request goes to a backend of a site.
    pub site: Option<SiteRequest<'a>>,
    /// Set where the cache asks: its own conditions, as field lines with their CRLF, in place of the client's conditions
    /// and range.
    pub conditions: Option<&'a [u8]>,
    /// The response is scanned: it comes whole, and in codings that can be removed.
    pub scanned: bool,
}

/// Appends the whole head to `out`, for HTTP/1.
pub fn write(out: &mut Vec<u8>, head: &RequestHead, buffer: &[u8], rewrite: &RequestRewrite<'_>) {
    write_line(out, head, buffer, rewrite);
    out.extend_from_slice(b"Host: ");
    match rewrite.site {
        Some(site) => out.extend_from_slice(site.host),
        None => write_host(out, rewrite.target, head.scheme),
    }
    out.extend_from_slice(b"\r\n");
    write_fields(out, head, buffer, rewrite);
    write_own_fields(out, head, rewrite);
    out.extend_from_slice(b"\r\n");
}

/// Appends the lines of the fields that are passed on, as the origin gets them.
pub fn write_fields(
    out: &mut Vec<u8>,
    head: &RequestHead,
    buffer: &[u8],
    rewrite: &RequestRewrite<'_>,
) {
    for field in &head.fields {
        let name = field.name.of_buffer(buffer);
        if is_for_this_hop(field.kind, head) || head.connection.names(name, buffer) {
            continue;
        }
        // A site says itself who asks.
        if rewrite.site.is_some() && field.kind == FieldKind::Identity {
            continue;
        }
        if rewrite.conditions.is_some() && is_condition(name) {
            continue;
        }
        let value = field.value.of_buffer(buffer);
        if rewrite.scanned && (is_range(name) || write_accepted(out, name, value)) {
            continue;
        }
        match (field.kind, head.max_forwards) {
            (FieldKind::MaxForwards, Some(hops)) => {
                out.extend_from_slice(b"Max-Forwards: ");
                write_number(out, hops.saturating_sub(1));
                out.extend_from_slice(b"\r\n");
            }
            _ => match header_mode::field_action(rewrite.mode, field.kind) {
                FieldAction::Keep => write_field(out, name, value),
                FieldAction::Drop => {}
                FieldAction::Replace(with) => write_field(out, name, with.as_bytes()),
                FieldAction::TrimToOrigin => {
                    header_mode::write_referer(out, value, rewrite.target, head.scheme);
                }
            },
        }
    }
    if let Some(site) = rewrite.site {
        out.extend_from_slice(site.fields);
    }
    out.extend_from_slice(rewrite.conditions.unwrap_or_default());
}

/// Fields that make an answer depend on what the client has already, or ask for a part of it.
fn is_condition(name: &[u8]) -> bool {
    ["if-none-match", "if-modified-since", "if-range", "range"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

/// Fields that ask for a part of a body: it could not be judged.
fn is_range(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"range") || name.eq_ignore_ascii_case(b"if-range")
}

/// Writes `Accept-Encoding` without the codings that a scan cannot remove. `false`: the field is another one.
fn write_accepted(out: &mut Vec<u8>, name: &[u8], value: &[u8]) -> bool {
    if !name.eq_ignore_ascii_case(b"accept-encoding") {
        return false;
    }
    let codings = value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
    let accepted: Vec<&[u8]> = codings
        .filter(|coding| decode::is_accepted(coding))
        .collect();
    let value = match accepted.is_empty() {
        true => b"identity".to_vec(),
        false => accepted.join(&b", "[..]),
    };
    write_field(out, name, &value);
    true
}

fn write_line(out: &mut Vec<u8>, head: &RequestHead, buffer: &[u8], rewrite: &RequestRewrite<'_>) {
    out.extend_from_slice(head.method_span.of_buffer(buffer));
    out.push(b' ');
    let mut path = head.path(buffer);
    if let Some(site) = rewrite.site {
        path = path.get(site.strip..).unwrap_or_default();
    }
    if rewrite.proxy.is_some() {
        out.extend_from_slice(b"http://");
        write_host(out, rewrite.target, head.scheme);
    }
    match path.first() {
        // RFC 9112 §3.2.4: the last proxy replaces a URL without a path by the asterisk.
        None if head.method == Method::Options => {
            if rewrite.proxy.is_none() {
                out.push(b'*');
            }
        }
        Some(b'/') => {}
        _ => out.push(b'/'),
    }
    out.extend_from_slice(path);
    out.extend_from_slice(b" HTTP/1.1\r\n");
}

/// Fields that end at this hop or are rewritten.
pub(crate) fn is_for_this_hop(kind: FieldKind, head: &RequestHead) -> bool {
    match kind {
        FieldKind::Host
        | FieldKind::ContentLength
        | FieldKind::TransferEncoding
        | FieldKind::Connection
        | FieldKind::KeepAlive
        | FieldKind::ProxyConnection
        | FieldKind::ProxyAuthorization
        | FieldKind::ProxyAuthenticate
        | FieldKind::ProxyAuthenticationInfo
        | FieldKind::Http2Settings
        | FieldKind::Te => true,
        FieldKind::Upgrade => !head.upgrades,
        FieldKind::Expect => !head.expects_continue,
        _ => false,
    }
}

fn write_own_fields(out: &mut Vec<u8>, head: &RequestHead, rewrite: &RequestRewrite<'_>) {
    // Before the fields that are made anew each time: a head that is rewritten again keeps its order.
    if let Some(value) = &head.authorization {
        write_field(out, b"Authorization", value.as_bytes());
    }
    match head.body {
        BodyLength::Known(length) => {
            out.extend_from_slice(b"Content-Length: ");
            write_number(out, length);
            out.extend_from_slice(b"\r\n");
        }
        BodyLength::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        BodyLength::None | BodyLength::UntilClose => {}
    }
    match (head.upgrades, head.takes_trailers) {
        (true, false) => out.extend_from_slice(b"Connection: Upgrade\r\n"),
        (true, true) => {
            out.extend_from_slice(b"TE: trailers\r\nConnection: Upgrade, TE\r\n");
        }
        (false, true) => out.extend_from_slice(b"TE: trailers\r\nConnection: TE\r\n"),
        (false, false) => {}
    }
    if let Some(value) = rewrite
        .proxy
        .and_then(|proxy| proxy.authorization.as_deref())
    {
        write_field(out, b"Proxy-Authorization", value.as_bytes());
    }
    match rewrite.mode {
        HeaderMode::Untouched => via::write(out),
        HeaderMode::Reduced => {}
        HeaderMode::Minimal => header_mode::write_privacy_preferences(out),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::head::TargetRule;
    use crate::head::scan::Scan;

    /// Rewrites a head as for an HTTP upstream, so that this crate can parse the result.
    fn rewrite(bytes: &[u8], mode: HeaderMode) -> Option<Vec<u8>> {
        let mut head = RequestHead::default();
        if !head
            .parse(bytes, &mut Scan::default(), TargetRule::Proxy)
            .ok()?
        {
            return None;
        }
        let proxy = AbsoluteForm::default();
        let mut out = Vec::new();
        let rewrite = RequestRewrite {
            target: head.target.as_ref()?,
            mode,
            proxy: Some(&proxy),
            site: None,
            conditions: None,
            scanned: false,
        };
        write(&mut out, &head, bytes, &rewrite);
        Some(out)
    }

    fn line() -> impl Strategy<Value = String> {
        prop_oneof![
            Just("Connection: close, X-Hop\r\n".to_owned()),
            Just("X-Hop: 1\r\n".to_owned()),
            Just("Content-Length: 7\r\n".to_owned()),
            Just("Transfer-Encoding: chunked\r\n".to_owned()),
            Just("TE: trailers\r\n".to_owned()),
            Just("Upgrade: websocket\r\nConnection: upgrade\r\n".to_owned()),
            Just("Referer: https://a.example/b?c\r\n".to_owned()),
            Just("Via: 1.1 x\r\nForwarded: for=1\r\nDNT: 0\r\nSec-CH-UA: x\r\n".to_owned()),
            "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}:[ \t]{0,2}[ -~\u{80}-\u{ff}\t]{0,30}\r\n",
        ]
    }

    proptest! {
        #[test]
        fn a_rewritten_head_is_parsed_to_the_same_values(
            method in "[A-Z]{1,8}",
            host in "([a-z0-9-]{1,10}\\.){0,2}[a-z]{1,5}(:[1-9][0-9]{0,3})?",
            path in "(/[!$-;=?-~]{0,20})?",
            lines in prop::collection::vec(line(), 0..8),
            mode in prop::sample::select(vec![HeaderMode::Reduced, HeaderMode::Minimal]),
        ) {
            let text = format!("{method} http://{host}{path} HTTP/1.1\r\nHost: x\r\n{}\r\n", lines.concat());
            if let Some(once) = rewrite(text.as_bytes(), mode) {
                let twice = rewrite(&once, mode);
                prop_assert_eq!(
                    twice.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
                    Some(String::from_utf8_lossy(&once).into_owned())
                );
            }
        }
    }

    #[test]
    fn the_minimal_mode_sends_only_the_documented_fields() {
        let text = b"GET http://a.example/x HTTP/1.1\r\nHost: a.example\r\nUser-Agent: curl/1\r\nAccept-Language: de-CH\r\n\
            Cookie: a=b\r\nIf-None-Match: \"x\"\r\nSec-CH-UA-Platform: Linux\r\nDNT: 0\r\nX-Real-IP: 1.1.1.1\r\n\
            Referer: http://a.example/y\r\n\r\n";
        let written = String::from_utf8(rewrite(text, HeaderMode::Minimal).unwrap()).unwrap();
        assert_eq!(
            written,
            format!(
                "GET http://a.example/x HTTP/1.1\r\nHost: a.example\r\nUser-Agent: {}\r\nAccept-Language: {}\r\n\
                 Cookie: a=b\r\nIf-None-Match: \"x\"\r\nReferer: http://a.example/y\r\nDNT: 1\r\nSec-GPC: 1\r\n\r\n",
                header_mode::COMMON_USER_AGENT,
                header_mode::COMMON_LANGUAGE
            )
        );
    }
}
