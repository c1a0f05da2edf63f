use proptest::prelude::*;

use super::*;
use crate::head::scan::{MAX_HEAD, MAX_START_LINE};

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

#[rustfmt::skip] // one case a line
const REFUSED: &[(&str, u16, BadRequest)] = &[
    ("GET http://a/ HTTP/1.1\nHost: a\r\n\r\n", 400, BadRequest::BareLf),
    ("GET http://a/ HTTP/1.1\r\nHost: a\n\r\n", 400, BadRequest::BareLf),
    ("GET http://a/ HTTP/1.1\r\nHost: a\r\n\n", 400, BadRequest::BareLf),
    ("\n", 400, BadRequest::BareLf),
    ("\r\n\r\nGET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::EmptyLines),
    ("GET http://a/ HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", 400, BadRequest::FieldValue),
    ("GET http://a/ HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400, BadRequest::FieldValue),
    ("GET http://a/ HTTP/1.1\r\nHost: a\r\nX: a\x07b\r\n\r\n", 400, BadRequest::FieldValue),
    ("GET http://a/ HTTP/1.1\r\nHost: a\r\nX: a\x7fb\r\n\r\n", 400, BadRequest::FieldValue),
    ("GET http://a/ HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n", 400, BadRequest::SpaceBeforeColon),
    ("GET http://a/ HTTP/1.1\r\nHost: a\r\nX\t: b\r\n\r\n", 400, BadRequest::SpaceBeforeColon),
    ("GET http://a/ HTTP/1.1\r\nHost: a\r\n X: b\r\n\r\n", 400, BadRequest::FoldedField),
    ("GET http://a/ HTTP/1.1\r\n Host: a\r\n\r\n", 400, BadRequest::FoldedField),
    ("GET http://a/ HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", 400, BadRequest::FoldedField),
    ("GET http://a/ HTTP/1.1\r\nHost: a\r\nX: b\r\n\tc\r\n\r\n", 400, BadRequest::FoldedField),
    ("GET http://a/ HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400, BadRequest::FieldName),
    ("GET http://a/ HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400, BadRequest::ColonMissing),
    ("GET http://a/ HTTP/1.1\r\nHost: a\r\nX{y: b\r\n\r\n", 400, BadRequest::FieldName),
    ("GET http://a/ HTTP/1.1\r\nHost: a\r\nX\u{e9}: b\r\n\r\n", 400, BadRequest::FieldName),
    ("GET http://a/ HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n", 400, BadRequest::FieldName),
    ("GET  http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::SpaceInTarget),
    ("GET http://a/  HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::SpaceInTarget),
    ("GET http://a/ HTTP/1.1 \r\nHost: a\r\n\r\n", 400, BadRequest::SpaceAtLineEnd),
    (" GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::SpaceInTarget),
    ("GET\thttp://a/\tHTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::RequestLine),
    ("G(T http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::RequestLine),
    ("GET http://a/\r\nHost: a\r\n\r\n", 400, BadRequest::RequestLine),
    ("GET http://a/ http/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::RequestLine),
    ("GET http://a/ HTTP/11\r\nHost: a\r\n\r\n", 400, BadRequest::RequestLine),
    ("GET http://a/ HTTP/1.1.1\r\nHost: a\r\n\r\n", 400, BadRequest::LineEnd),
    ("GET http://a/ HTTP/+1.1\r\nHost: a\r\n\r\n", 400, BadRequest::RequestLine),
    ("GET http://a/ HTTP/2.0\r\nHost: a\r\n\r\n", 505, BadRequest::Version),
    ("GET http://a/ HTTP/0.9\r\nHost: a\r\n\r\n", 505, BadRequest::Version),
    ("PRI * HTTP/2.0\r\n\r\n", 505, BadRequest::Version),
    ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 501, BadRequest::MethodTooLong),
    ("POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400, BadRequest::LengthAndCoding),
    ("POST http://a/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", 400, BadRequest::LengthAndCoding),
    ("POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", 400, BadRequest::ContentLength),
    ("POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400, BadRequest::ContentLength),
    ("POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n", 400, BadRequest::ContentLength),
    ("POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n", 400, BadRequest::ContentLength),
    ("POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n", 400, BadRequest::ContentLength),
    ("POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 5 5\r\n\r\n", 400, BadRequest::ContentLength),
    ("POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n", 400, BadRequest::ContentLength),
    ("POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 5.0\r\n\r\n", 400, BadRequest::ContentLength),
    ("POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", 400, BadRequest::ContentLength),
    ("POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400, BadRequest::ContentLength),
    ("POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775808\r\n\r\n", 400, BadRequest::ContentLength),
    ("POST http://a/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501, BadRequest::UnknownCoding),
    ("POST http://a/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", 501, BadRequest::UnknownCoding),
    ("POST http://a/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 400, BadRequest::TransferEncoding),
    ("POST http://a/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", 400, BadRequest::TransferEncoding),
    ("POST http://a/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n", 400, BadRequest::TransferEncoding),
    ("POST http://a/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400, BadRequest::TransferEncoding),
    ("POST http://a/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 400, BadRequest::TransferEncoding),
    ("POST http://a/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;q=1\r\n\r\n", 400, BadRequest::TransferEncoding),
    ("POST http://a/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n", 400, BadRequest::TransferEncoding),
    ("POST http://a/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ,chunked\r\n\r\n", 400, BadRequest::TransferEncoding),
    ("POST http://a/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n", 400, BadRequest::TransferEncoding),
    ("POST http://a/ HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400, BadRequest::CodingInHttp10),
    ("GET http://a/ HTTP/1.1\r\n\r\n", 400, BadRequest::HostMissing),
    ("GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, BadRequest::HostTwice),
    ("GET http://a/ HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400, BadRequest::HostTwice),
    ("GET http://a/ HTTP/1.1\r\nHost: a b\r\n\r\n", 400, BadRequest::HostMalformed),
    ("GET http://a/ HTTP/1.1\r\nHost: a, b\r\n\r\n", 400, BadRequest::HostMalformed),
    ("GET http://a/ HTTP/1.1\r\nHost: u@a\r\n\r\n", 400, BadRequest::HostMalformed),
    ("GET http://a/ HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, BadRequest::HostMalformed),
    ("GET http://a/ HTTP/1.1\r\nHost: a:b\r\n\r\n", 400, BadRequest::HostMalformed),
    ("GET http://a/ HTTP/1.1\r\nHost: http://a\r\n\r\n", 400, BadRequest::HostMalformed),
    ("GET http://u\\:p@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::UserInfo),
    ("GET http://u%0d%0aX:p@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::UserInfo),
    ("GET http://u@b@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::TargetHost),
    ("GET http://a/ HTTP/1.1\r\nHost: ::1::\r\n\r\n", 400, BadRequest::HostMalformed),
    ("GET http://a/ HTTP/1.1\r\nHost: ::1:x\r\n\r\n", 400, BadRequest::HostMalformed),
    ("GET http://a/ HTTP/1.10\r\nHost: a\r\n\r\n", 400, BadRequest::LineEnd),
    ("GET wss://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::HttpsScheme),
    ("GET http://\u{e9}/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::HostNotAscii),
    ("GET http://::1/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::BareIpv6),
    ("CONNECT ::1:443 HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::BareIpv6),
    ("GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::TargetHost),
    ("GET http:/a HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::Target),
    ("GET http://a:0/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::TargetPort),
    ("GET http://a:65536/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::TargetPort),
    ("GET http://a:/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::TargetPort),
    ("GET http://a:80:80/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::TargetPort),
    ("GET http://a\\b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::TargetHost),
    ("GET http://a%2eb/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::TargetHost),
    ("GET http://[::1/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::TargetHost),
    ("GET http://[::1]x/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::TargetHost),
    ("GET http://[fe80::1%25eth0]/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::TargetHost),
    ("GET http://a,b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::TargetHost),
    ("GET http://a;b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::TargetHost),
    ("GET http://a/ HTTP/1.1\r\nHost: a,b\r\n\r\n", 400, BadRequest::HostMalformed),
    ("GET http://a..b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::TargetHost),
    ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::OriginForm),
    ("GET //a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::OriginForm),
    ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::Target),
    ("GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::Target),
    ("GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::Target),
    ("GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::HttpsScheme),
    ("GET gopher://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 501, BadRequest::UnknownScheme),
    ("GET file:///etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n", 501, BadRequest::UnknownScheme),
    ("GET ws://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 501, BadRequest::UnknownScheme),
    ("GET urn:x HTTP/1.1\r\nHost: a\r\n\r\n", 501, BadRequest::UnknownScheme),
    ("CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::PortMissing),
    ("CONNECT a: HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::TargetPort),
    ("CONNECT :443 HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::TargetHost),
    ("CONNECT a:0 HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::TargetPort),
    ("CONNECT a:99999 HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::TargetPort),
    ("CONNECT a:443x HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::TargetPort),
    ("CONNECT a:+443 HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::TargetPort),
    ("CONNECT http://a:443/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::ConnectUrl),
    ("CONNECT /a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::TargetHost),
    ("CONNECT u@a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::UserInTarget),
    ("CONNECT a:443 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n", 400, BadRequest::ConnectBody),
    ("CONNECT a:443 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400, BadRequest::ConnectBody),
    ("CONNECT a:443 HTTP/1.1\r\n\r\n", 400, BadRequest::HostMissing),
    ("TRACE http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n", 400, BadRequest::TraceBody),
    ("GET http://a/ HTTP/1.1\r\nHost: a\r\nConnection: a b\r\n\r\n", 400, BadRequest::Connection),
    ("GET http://a/ HTTP/1.1\r\nHost: a\r\nUpgrade: a b\r\n\r\n", 400, BadRequest::Upgrade),
    ("GET http://a/ HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n", 417, BadRequest::Expectation),
    ("OPTIONS http://a/ HTTP/1.1\r\nHost: a\r\nMax-Forwards: x\r\n\r\n", 400, BadRequest::MaxForwards),
    ("TRACE http://a/ HTTP/1.1\r\nHost: a\r\nMax-Forwards: 1\r\nMax-Forwards: 2\r\n\r\n", 400, BadRequest::MaxForwards),
];

#[test]
fn each_malformed_request_is_refused_with_its_status() {
    for (text, status, bad) in REFUSED {
        assert_eq!(parse(text.as_bytes()).map(|_| ()), Err(*bad), "{text:?}");
        assert_eq!(bad.status(), *status, "{text:?}");
    }
}

#[test]
fn a_malformed_request_that_comes_byte_by_byte_is_refused_for_the_same_reason() {
    for (text, _, bad) in REFUSED {
        assert_eq!(parse_slowly(text.as_bytes()), Err(*bad), "{text:?}");
    }
}

#[test]
fn a_request_line_has_room_for_eight_thousand_bytes_and_an_end() {
    let line = |length: usize| {
        let path = "a".repeat(length - "GET http://a/ HTTP/1.1".len());
        format!("GET http://a/{path} HTTP/1.1\r\nHost: a\r\n\r\n")
    };
    assert!(parse(line(8000).as_bytes()).unwrap().is_some());
    assert!(parse(line(MAX_START_LINE).as_bytes()).unwrap().is_some());
    for text in [line(MAX_START_LINE + 1), line(MAX_START_LINE + 1000)] {
        assert_eq!(
            parse(text.as_bytes()).map(|_| ()),
            Err(BadRequest::LineTooLong)
        );
        assert_eq!(parse_slowly(text.as_bytes()), Err(BadRequest::LineTooLong));
    }
    let endless = vec![b'a'; MAX_START_LINE + 2];
    assert_eq!(parse(&endless).map(|_| ()), Err(BadRequest::LineTooLong));
}

#[test]
fn a_head_has_a_bound_in_bytes_and_in_fields() {
    let long = format!(
        "GET http://a/ HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
        "x".repeat(MAX_HEAD)
    );
    assert_eq!(
        parse(long.as_bytes()).map(|_| ()),
        Err(BadRequest::HeadTooLong)
    );
    assert_eq!(
        parse(&long.as_bytes()[..MAX_HEAD]).map(|_| ()),
        Err(BadRequest::HeadTooLong)
    );
    assert_eq!(parse(&long.as_bytes()[..MAX_HEAD - 1]).map(|_| ()), Ok(()));
    let fields = |count: usize| {
        let more = "X: y\r\n".repeat(count - 1);
        format!("GET http://a/ HTTP/1.1\r\nHost: a\r\n{more}\r\n")
    };
    assert!(parse(fields(MAX_FIELDS).as_bytes()).unwrap().is_some());
    assert_eq!(
        parse(fields(MAX_FIELDS + 1).as_bytes()).map(|_| ()),
        Err(BadRequest::TooManyFields)
    );
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
    for protocol in ["HTTP/2.0", "http", "TLS/1.2", "websocket, h2c"] {
        let fields = format!("Upgrade: {protocol}\r\nConnection: Upgrade\r\n");
        assert!(!upgrades(&fields), "{protocol}");
    }
    assert!(upgrades(
        "Upgrade: tcp\r\nConnection: Upgrade\r\nContent-Length: 3\r\n"
    ));
}

proptest! {
    #[test]
    fn any_split_of_any_bytes_gives_the_same_result(bytes in hostile()) {
        let at_once = parse(&bytes).map(|head| head.map(|head| head.len));
        let slowly = parse_slowly(&bytes);
        prop_assert_eq!(at_once, slowly);
    }

    #[test]
    fn an_accepted_head_contains_no_forbidden_byte(bytes in hostile()) {
        if let Ok(Some(head)) = parse(&bytes) {
            let bytes = &bytes[..head.len];
            for field in &head.fields {
                prop_assert!(is_token(field.name.of_buffer(bytes)));
                let value = field.value.of_buffer(bytes);
                prop_assert!(value.iter().all(|&b| b == b'\t' || (b >= b' ' && b != 0x7f)));
                prop_assert_eq!(value.trim_ascii(), value);
            }
        }
    }
}

/// Nearly valid heads: parts of requests in any order, with any byte changed.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(vec![
        "GET http://a/ HTTP/1.1\r\n",
        "POST http://a/ HTTP/1.1\r\n",
        "CONNECT a:1 HTTP/1.1\r\n",
        "Host: a\r\n",
        "Content-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Connection: close, x\r\n",
        "X: \u{e9} \t y \r\n",
        "Upgrade: a/1\r\n",
        "\r\n",
        "\n",
        "\r",
        " ",
        "\0",
        ":",
    ]);
    let text = prop::collection::vec(pieces, 1..8).prop_map(|pieces| pieces.concat().into_bytes());
    (
        text,
        any::<prop::sample::Index>(),
        any::<u8>(),
        any::<bool>(),
    )
        .prop_map(|(mut bytes, at, byte, change)| {
            if change {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes
        })
}

fn parse_at_origin(text: &str) -> Result<RequestHead, BadRequest> {
    let mut head = RequestHead::default();
    let whole = head.parse(text.as_bytes(), &mut Scan::default(), TargetRule::Origin)?;
    assert!(whole, "{text:?}");
    Ok(head)
}

#[test]
fn an_origin_takes_its_host_from_the_request() {
    for (text, target, path) in [
        (
            "GET /a?b HTTP/1.1\r\nHost: A.test\r\n\r\n",
            "a.test:80",
            "/a?b",
        ),
        (
            "GET /a#b HTTP/1.1\r\nHost: a.test:8080\r\n\r\n",
            "a.test:8080",
            "/a",
        ),
        ("GET / HTTP/1.0\r\nHost: [::1]:81\r\n\r\n", "[::1]:81", "/"),
        // The target wins over Host (RFC 9112 §3.2.2).
        (
            "GET http://b.test/x HTTP/1.1\r\nHost: a.test\r\n\r\n",
            "b.test:80",
            "/x",
        ),
        (
            "GET https://b.test HTTP/1.1\r\nHost: a.test\r\n\r\n",
            "b.test:80",
            "",
        ),
    ] {
        let head = parse_at_origin(text).unwrap();
        assert_eq!(
            head.target.as_ref().unwrap().to_string(),
            target,
            "{text:?}"
        );
        assert_eq!(head.path(text.as_bytes()), path.as_bytes(), "{text:?}");
    }
}

#[test]
fn what_is_no_request_to_an_origin_is_refused() {
    for (text, bad) in [
        (
            "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n",
            BadRequest::ConnectToOrigin,
        ),
        ("GET / HTTP/1.0\r\n\r\n", BadRequest::HostMissing),
        ("GET / HTTP/1.1\r\n\r\n", BadRequest::HostMissing),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", BadRequest::HostMalformed),
        (
            "GET / HTTP/1.1\r\nHost: ::1\r\n\r\n",
            BadRequest::HostMalformed,
        ),
        (
            "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
            BadRequest::HostMalformed,
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            BadRequest::HostTwice,
        ),
        ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", BadRequest::Target),
        ("GET a HTTP/1.1\r\nHost: a\r\n\r\n", BadRequest::Target),
        (
            "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
            BadRequest::UnknownScheme,
        ),
        (
            "GET http://u:p@a/ HTTP/1.1\r\nHost: a\r\n\r\n",
            BadRequest::UserInTarget,
        ),
    ] {
        assert_eq!(parse_at_origin(text).map(|_| ()), Err(bad), "{text:?}");
    }
}

#[test]
fn an_ftp_url_has_its_scheme_and_its_port() {
    let text = b"GET ftp://bob:pw@a.test/d/x;type=i HTTP/1.1\r\nHost: a.test\r\n\r\n";
    let head = whole(text);
    assert_eq!(head.scheme, Scheme::Ftp);
    assert_eq!(head.target.as_ref().unwrap().to_string(), "a.test:21");
    assert_eq!(head.path(text), b"/d/x;type=i");
    assert!(head.authorization.is_some());
    let text = b"GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n";
    assert_eq!(whole(text).scheme, Scheme::Http);
}
