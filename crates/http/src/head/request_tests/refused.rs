//! Heads that are refused, and the bounds.

use super::*;
use crate::head::scan::{MAX_HEAD, MAX_START_LINE};

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
    ("CONNECT a: HTTP/1.1\r\nHost: a\r\n\r\n", 400, BadRequest::PortMissing),
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
