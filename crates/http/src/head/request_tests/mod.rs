//! Request heads, whole and in pieces.

mod any_bytes;
mod origin;
mod refused;

use super::*;

fn parse(bytes: &[u8]) -> Result<Option<RequestHead>, BadRequest> {
    let mut head = RequestHead::default();
    let mut scan = Scan::default();
    Ok(head
        .parse(bytes, &mut scan, TargetRule::Proxy)?
        .then_some(head))
}

fn whole(bytes: &[u8]) -> RequestHead {
    parse(bytes).unwrap().unwrap()
}

/// Parses the same bytes, one more at a time.
fn parse_slowly(bytes: &[u8]) -> Result<Option<usize>, BadRequest> {
    let mut head = RequestHead::default();
    let mut scan = Scan::default();
    for end in 0..=bytes.len() {
        if head.parse(&bytes[..end], &mut scan, TargetRule::Proxy)? {
            return Ok(Some(head.len));
        }
    }
    Ok(None)
}

#[test]
fn one_empty_line_in_front_is_skipped() {
    let text = b"\r\nGET http://a/ HTTP/1.1\r\nHost: a\r\n\r\nrest";
    let head = whole(text);
    assert_eq!(head.len, text.len() - 4);
    assert_eq!(head.method_span.of_buffer(text), b"GET");
}

#[test]
fn targets_are_read_in_each_form() {
    let cases = [
        (
            "GET http://Example.COM/a?b HTTP/1.1",
            "example.com:80",
            "/a?b",
        ),
        ("GET HTTP://a:8080 HTTP/1.1", "a:8080", ""),
        ("GET http://a:/p HTTP/1.1", "a:80", "/p"),
        ("GET http://[::1]: HTTP/1.1", "[::1]:80", ""),
        ("GET http://a.?q HTTP/1.1", "a:80", "?q"),
        ("GET http://[::1]:81/ HTTP/1.1", "[::1]:81", "/"),
        ("GET http://127.0.0.1/ HTTP/1.1", "127.0.0.1:80", "/"),
        ("GET http://0x7f.1:81/ HTTP/1.1", "127.0.0.1:81", "/"),
        (
            "GET http://[::ffff:127.0.0.1]/ HTTP/1.1",
            "127.0.0.1:80",
            "/",
        ),
        ("OPTIONS http://a HTTP/1.1", "a:80", ""),
    ];
    for (line, target, path) in cases {
        let text = format!("{line}\r\nHost: other.example\r\n\r\n");
        let head = whole(text.as_bytes());
        assert_eq!(head.target.unwrap().to_string(), target);
        let TargetForm::Url { path: span, .. } = head.form else {
            panic!("{line}");
        };
        assert_eq!(span.of_buffer(text.as_bytes()), path.as_bytes());
    }
    let head = whole(b"CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(head.form, TargetForm::Authority);
    assert_eq!(head.target.unwrap().to_string(), "[2001:db8::1]:443");
    let head = whole(b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!((head.form, head.target), (TargetForm::Asterisk, None));
}

#[test]
fn obsolete_targets_are_read_in_their_one_meaning() {
    let cases: [(&[u8], &[u8], Option<&str>); 6] = [
        (
            b"GET http://bob:pw@a/f HTTP/1.1",
            b"/f",
            Some("Basic Ym9iOnB3"),
        ),
        (b"GET http://a/x#frag HTTP/1.1", b"/x", None),
        (b"GET http://a#frag HTTP/1.1", b"", None),
        (b"GET http://a/\xe4?\xff HTTP/1.1", b"/%E4?%FF", None),
        ("GET http://a/\u{fc} HTTP/1.1".as_bytes(), b"/%C3%BC", None),
        (b"GET http://a/\xe4 HTTP/1.7", b"/%E4", None),
    ];
    for (line, path, authorization) in cases {
        for host in ["", "other.test", "::1", "::1:8080", "[::1]:80"] {
            let text = [line, format!("\r\nHost: {host}\r\nX: y\r\n\r\n").as_bytes()].concat();
            let head = whole(&text);
            assert_eq!(head.target.as_ref().unwrap().to_string(), "a:80");
            assert_eq!(head.path(&text), path);
            assert_eq!(head.authorization.as_deref(), authorization);
            assert_eq!(head.version, Version::Http11);
            assert_eq!(head.fields[1].value.of_buffer(&text), b"y");
        }
    }
    let own = b"GET http://bob:pw@a/ HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\n\r\n";
    assert_eq!(whole(own).authorization, None);
    let next = b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut reused = whole(b"GET http://bob:pw@a/\xe4 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(
        reused
            .parse(next, &mut Scan::default(), TargetRule::Proxy)
            .unwrap()
    );
    assert_eq!(reused.path(next), b"/");
    assert_eq!(reused.authorization, None);
    let socket =
        b"GET ws://a/s HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    assert_eq!(whole(socket).path(socket), b"/s");
}

#[test]
fn connection_determines_keep_alive_and_fields_to_remove() {
    let text =
        b"GET http://a/ HTTP/1.1\r\nHost: a\r\nConnection: close, X-Secret, Host,, upgrade\r\n\
                 Proxy-Connection: keep-alive\r\nX-Secret: 1\r\nUpgrade: websocket\r\n\r\n";
    let head = whole(text);
    assert!(!head.keeps_alive() && head.upgrades);
    assert!(head.connection.names(b"x-secret", text));
    assert!(!head.connection.names(b"host", text));
    assert!(whole(b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n").keeps_alive());
    let old = b"GET http://a/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    assert!(!whole(old).keeps_alive());
}

#[test]
fn an_upgrade_needs_connection_and_is_never_to_http_or_tls() {
    let upgrades = |more: &str| {
        let text = format!("GET http://a/ HTTP/1.1\r\nHost: a\r\n{more}\r\n");
        whole(text.as_bytes()).upgrades
    };
    assert!(upgrades("Upgrade: websocket\r\nConnection: Upgrade\r\n"));
    assert!(!upgrades("Upgrade: websocket\r\n"));
    assert!(!upgrades("Connection: Upgrade\r\n"));
    assert!(!upgrades("Upgrade: h2c\r\nConnection: Upgrade\r\n"));
    let twice = "websocket\r\nUpgrade: h2c";
    let reversed = "h2c\r\nUpgrade: websocket";
    for protocol in [
        "HTTP/2.0",
        "http",
        "TLS/1.2",
        "websocket, h2c",
        twice,
        reversed,
    ] {
        let fields = format!("Upgrade: {protocol}\r\nConnection: Upgrade\r\n");
        assert!(!upgrades(&fields), "{protocol}");
    }
    assert!(upgrades(
        "Upgrade: tcp\r\nConnection: Upgrade\r\nContent-Length: 3\r\n"
    ));
}
