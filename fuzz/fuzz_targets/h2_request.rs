//! The head of an HTTP/2 request, translated: one whole head of HTTP/1.1 with the same method, host, path, fields and body,
//! or a refusal.
#![no_main]

use http::header::{CONTENT_LENGTH, COOKIE, HOST, SEC_WEBSOCKET_KEY};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use libfuzzer_sys::fuzz_target;
use privet_http::h2::head_text;
use privet_http::head::scan::Scan;
use privet_http::head::{BodyLength, RequestHead, TargetRule};

/// A head as the h2 crate gives it: lines of method, scheme, authority and path, then one for each field.
fn parts(lines: &[u8]) -> Option<Parts> {
    let mut lines = lines.split(|&byte| byte == b'\n');
    let mut next = || lines.next().unwrap_or_default();
    let method = Method::from_bytes(next()).ok()?;
    let (scheme, authority, path) = (next(), next(), next());
    let mut uri = http::uri::Parts::default();
    if !scheme.is_empty() {
        uri.scheme = Some(Scheme::try_from(scheme).ok()?);
    }
    if !authority.is_empty() {
        uri.authority = Some(Authority::try_from(authority).ok()?);
    }
    if !path.is_empty() {
        uri.path_and_query = Some(PathAndQuery::try_from(path).ok()?);
    }
    let mut request = Request::new(());
    *request.method_mut() = method;
    *request.uri_mut() = Uri::from_parts(uri).ok()?;
    for line in lines {
        let (name, value) = line.split_at(line.iter().position(|&byte| byte == b':')?);
        // As the h2 crate: names in lower case, no fields that belong to a connection.
        let name = HeaderName::from_lowercase(name).ok()?;
        if [
            "connection",
            "transfer-encoding",
            "upgrade",
            "keep-alive",
            "proxy-connection",
        ]
        .contains(&name.as_str())
        {
            return None;
        }
        request
            .headers_mut()
            .append(name, HeaderValue::from_bytes(&value[1..]).ok()?);
    }
    Some(request.into_parts().0)
}

fn check(parts: &Parts, protocol: Option<&str>, ended: bool, rule: TargetRule) {
    let Ok(text) = head_text(parts, protocol, ended, rule) else {
        return;
    };
    let mut head = RequestHead::default();
    match head.parse(&text, &mut Scan::default(), rule) {
        Err(_) => return,
        Ok(whole) => assert!(whole && head.len == text.len(), "not one head: {text:?}"),
    }
    let method = match protocol {
        Some(_) => b"GET".as_slice(),
        None => parts.method.as_str().as_bytes(),
    };
    assert_eq!(head.method_span.of_buffer(&text), method);
    let path = parts.uri.path_and_query().map(PathAndQuery::as_str);
    if let (Some(path), true) = (path, parts.method != Method::CONNECT || protocol.is_some())
        && path != "*"
        // Other bytes are percent-encoded.
        && path.is_ascii()
    {
        assert_eq!(head.path(&text), path.as_bytes());
    }
    let named = parts
        .uri
        .authority()
        .map(|authority| authority.as_str().as_bytes());
    let named = named.or_else(|| parts.headers.get(HOST).map(HeaderValue::as_bytes));
    assert_eq!(head.host(&text), named);
    check_fields(parts, &head, &text, protocol.is_some());
    if protocol.is_none() {
        check_body(parts, ended, &head);
    }
}

/// Each field with its value once, in its place among those of its name; cookies joined. An extended CONNECT gets a key for
/// WebSocket of ours and keeps none of the client's.
fn check_fields(parts: &Parts, head: &RequestHead, text: &[u8], extended: bool) {
    let of_name = |name: &HeaderName| -> Vec<&[u8]> {
        let fields = head.fields.iter();
        let fields = fields.filter(|field| field.name.of_buffer(text) == name.as_str().as_bytes());
        fields.map(|field| field.value.of_buffer(text)).collect()
    };
    if extended {
        assert_eq!(of_name(&SEC_WEBSOCKET_KEY).len(), 1);
    }
    for name in parts.headers.keys() {
        if name == HOST || (extended && name == SEC_WEBSOCKET_KEY) {
            continue;
        }
        let sent: Vec<&[u8]> = parts
            .headers
            .get_all(name)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        match name == COOKIE {
            // An empty one in front is left out; after an empty last one a space is.
            true => {
                let crumbs = sent.iter().copied().skip_while(|crumb| crumb.is_empty());
                let joined = crumbs.collect::<Vec<_>>().join(b"; ".as_slice());
                assert_eq!(of_name(name).concat(), joined.trim_ascii());
            }
            false => assert_eq!(of_name(name), sent, "{name}"),
        }
    }
}

fn check_body(parts: &Parts, ended: bool, head: &RequestHead) {
    let length = parts.headers.get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    match head.body {
        BodyLength::None => assert!(ended || parts.method == Method::CONNECT),
        BodyLength::Known(known) => {
            assert_eq!(Some(known), length);
            assert!(
                !ended || known == 0,
                "a body of {known} bytes that does not come"
            );
        }
        BodyLength::Chunked => assert!(!ended && length.is_none()),
        BodyLength::UntilClose => panic!("a request has no body that ends with the connection"),
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((&flags, lines)) = input.split_first() else {
        return;
    };
    let Some(parts) = parts(lines) else { return };
    let protocol = match flags & 6 {
        2 => Some("websocket"),
        4 => Some("connect-udp"),
        _ => None,
    };
    // The h2 crate takes `:protocol` with CONNECT only.
    if protocol.is_some() && parts.method != Method::CONNECT {
        return;
    }
    for rule in [TargetRule::Proxy, TargetRule::Origin] {
        check(&parts, protocol, flags & 1 == 1, rule);
    }
});
