//! What a site tells a backend about a client: whatever the client sends, the backend gets each field once, with the site's
//! own value.
#![no_main]

use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use privet_config::HeaderMode;
use privet_http::head::scan::Scan;
use privet_http::head::{RequestHead, TargetForm, TargetRule};
use privet_http::headers::request::{self, RequestRewrite};
use privet_http::headers::site::SiteRequest;
use privet_sites::forwarded::Forwarded;

fn parse(bytes: &[u8]) -> Option<RequestHead> {
    let mut head = RequestHead::default();
    let whole = head.parse(bytes, &mut Scan::default(), TargetRule::Origin);
    whole.ok()?.then_some(head)
}

/// The value of the only field of this name.
fn only<'a>(head: &RequestHead, bytes: &'a [u8], name: &str) -> &'a [u8] {
    let mut fields = head.fields.iter();
    let is = |field: &&privet_http::head::Field| {
        field
            .name
            .of_buffer(bytes)
            .eq_ignore_ascii_case(name.as_bytes())
    };
    let field = fields.find(is).expect("the site's field");
    assert!(
        fields.find(is).is_none(),
        "{name} twice: {:?}",
        String::from_utf8_lossy(bytes)
    );
    field.value.of_buffer(bytes)
}

/// The parameters of `Forwarded` with one element (RFC 7239 section 4), read strictly.
fn parameters(value: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    let mut bytes = value.iter().copied().peekable();
    loop {
        let mut name = Vec::new();
        loop {
            match bytes.next().expect("an equals sign") {
                b'=' => break,
                byte => name.push(byte),
            }
        }
        let mut text = Vec::new();
        if bytes.next_if_eq(&b'"').is_some() {
            loop {
                match bytes.next().expect("a closing quote") {
                    b'"' => break,
                    b'\\' => text.push(bytes.next().expect("an escaped byte")),
                    byte => text.push(byte),
                }
            }
        } else {
            while let Some(byte) = bytes.next_if(|&byte| byte != b';') {
                assert!(byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
                text.push(byte);
            }
        }
        found.push((name, text));
        match bytes.next() {
            None => return found,
            Some(separator) => assert_eq!(separator, b';'),
        }
    }
}

fuzz_target!(|input: &[u8]| {
    // Flags, sixteen bytes of an address, then the client's head.
    let Some((&[flags, ref address @ ..], bytes)) = input.split_first_chunk::<17>() else {
        return;
    };
    let Some(head) = parse(bytes) else { return };
    let (Some(host), Some(target)) = (head.host(bytes), &head.target) else {
        return;
    };
    // A site takes the host of a URL from it, not from `Host`.
    let TargetForm::Url { path } = head.form else {
        return;
    };
    let line = bytes.get(..path.start as usize).unwrap_or_default();
    if !line.ends_with(b" ") {
        return;
    }
    let client = match (flags & 1, address) {
        (0, [a, b, c, d, ..]) => IpAddr::from([*a, *b, *c, *d]),
        _ => IpAddr::from(*address),
    };
    let tls = flags & 2 != 0;
    let prefix: &[u8] = if flags & 4 == 0 { b"" } else { b"/api" };
    let mut fields = Vec::new();
    Forwarded {
        client,
        host,
        tls,
        prefix,
    }
    .write(&mut fields);
    let rewrite = RequestRewrite {
        target,
        mode: HeaderMode::Untouched,
        proxy: None,
        site: Some(SiteRequest {
            host,
            strip: 0,
            fields: &fields,
        }),
        conditions: None,
        scanned: false,
    };
    let mut out = Vec::new();
    request::write(&mut out, &head, bytes, &rewrite);
    let sent = parse(&out).expect("the backend gets a valid head");
    assert_eq!(sent.len, out.len());
    let (ip, proto) = (client.to_canonical(), if tls { "https" } else { "http" });
    let node = match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    let expected = [
        ("for", node.as_bytes()),
        ("host", host),
        ("proto", proto.as_bytes()),
    ];
    let expected = expected.map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec()));
    assert_eq!(parameters(only(&sent, &out, "forwarded")), expected);
    assert_eq!(
        only(&sent, &out, "x-forwarded-for"),
        ip.to_string().as_bytes()
    );
    assert_eq!(only(&sent, &out, "x-forwarded-host"), host);
    assert_eq!(only(&sent, &out, "x-forwarded-proto"), proto.as_bytes());
    if !prefix.is_empty() {
        assert_eq!(only(&sent, &out, "x-forwarded-prefix"), prefix);
    }
    for name in [
        "x-real-ip",
        "x-forwarded-port",
        "x-forwarded-server",
        "client-ip",
        "true-client-ip",
    ] {
        let of_name = |field: &privet_http::head::Field| {
            field
                .name
                .of_buffer(&out)
                .eq_ignore_ascii_case(name.as_bytes())
        };
        assert!(!sent.fields.iter().any(of_name), "{name} of a stranger");
    }
});
