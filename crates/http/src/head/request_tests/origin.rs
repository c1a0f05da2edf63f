//! Requests to an origin, and URLs of FTP.

use super::*;

fn parse_at_origin(text: &str) -> Result<RequestHead, BadRequest> {
    parse_by(TargetRule::Origin, text)
}

fn parse_by(rule: TargetRule, text: &str) -> Result<RequestHead, BadRequest> {
    let mut head = RequestHead::default();
    let whole = head.parse(text.as_bytes(), &mut Scan::default(), rule)?;
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
fn an_empty_port_is_the_default_one() {
    let head = parse_at_origin("GET / HTTP/1.1\r\nHost: a.test:\r\n\r\n");
    assert_eq!(head.unwrap().target.unwrap().to_string(), "a.test:80");
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

#[test]
fn an_origin_over_tls_takes_https_urls_and_no_others() {
    for (target, expected) in [
        ("/p", Ok("a.test:443")),
        ("https://a.test/p", Ok("a.test:443")),
        ("HTTPS://b.test:8443/p", Ok("b.test:8443")),
        ("http://a.test/p", Err(BadRequest::NotHttps)),
        ("HTTP://a.test", Err(BadRequest::NotHttps)),
        ("ws://a.test/p", Err(BadRequest::NotHttps)),
        ("ftp://a.test/p", Err(BadRequest::UnknownScheme)),
        ("gopher://a.test/p", Err(BadRequest::UnknownScheme)),
        ("https://u:p@a.test/p", Err(BadRequest::UserInTarget)),
        ("p", Err(BadRequest::Target)),
    ] {
        let text = format!("GET {target} HTTP/1.1\r\nHost: a.test\r\n\r\n");
        let parsed = parse_by(TargetRule::TlsOrigin, &text);
        let parsed = parsed.map(|head| head.target.unwrap().to_string());
        assert_eq!(parsed, expected.map(str::to_owned), "{target}");
    }
    assert_eq!(BadRequest::NotHttps.status(), 421);
}
