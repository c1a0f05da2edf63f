use privet_config::Config;
use proptest::prelude::*;

use super::*;

fn names(urls: &[&str], hosts: &[&str]) -> BackendNames {
    let list = |all: &[&str]| format!("{all:?}");
    let mut text = format!(
        "[[site]]\nname = \"s\"\nlisten = [\"127.0.0.1:8080\"]\nhosts = {}\n",
        list(hosts)
    );
    for url in urls {
        text.push_str(&format!("[[site.backend]]\nurl = \"{url}\"\n"));
    }
    let config = Config::parse(&text, std::path::Path::new("/"))
        .unwrap()
        .config;
    let site = &config.sites[0];
    BackendNames::new(
        site.backends.iter().map(|backend| &backend.url),
        &site.hosts,
    )
}

fn rewritten(names: &BackendNames, name: &str, value: &str, prefix: &str) -> Option<String> {
    let origin = PublicOrigin {
        tls: true,
        host: b"app.test:8443",
        prefix: prefix.as_bytes(),
    };
    match names.rewrite(name.as_bytes(), value.as_bytes(), &origin) {
        FieldRewrite::Keep => Some(value.to_owned()),
        FieldRewrite::Drop => None,
        FieldRewrite::Replace(value) => Some(String::from_utf8(value.into_owned()).unwrap()),
    }
}

#[test]
fn fields_that_name_the_software_are_dropped() {
    let names = names(&["http://10.0.0.5:9001"], &["app.test"]);
    for name in [
        "Server",
        "VIA",
        "X-Powered-By",
        "x-powered-by-plesk",
        "X-AspNet-Version",
        "X-AspNetMvc-Version",
        "Alt-Svc",
        "X-Backend-Server",
        "X-Served-By",
        "X-Upstream-Addr",
        "X-Runtime",
        "X-Generator",
        "X-Envoy-Upstream-Service-Time",
    ] {
        assert_eq!(rewritten(&names, name, "x", ""), None, "{name}");
    }
    for name in [
        "Content-Type",
        "X-Request-Id",
        "X-Frame-Options",
        "ETag",
        "Server-Timing",
    ] {
        assert_eq!(
            rewritten(&names, name, "x", "").as_deref(),
            Some("x"),
            "{name}"
        );
    }
}

#[test]
fn urls_that_name_a_backend_name_the_site() {
    let names = names(
        &[
            "http://10.0.0.5:9001",
            "https://node.internal",
            "http://127.0.0.1:9002",
        ],
        &["app.test", "127.0.0.1"],
    );
    for (name, value, expected) in [
        (
            "Location",
            "http://10.0.0.5:9001/a?b",
            "https://app.test:8443/a?b",
        ),
        ("Location", "HTTP://10.0.0.5:9001", "https://app.test:8443"),
        ("Location", "//10.0.0.5:9001/a", "//app.test:8443/a"),
        ("Location", "http://10.0.0.5/a", "https://app.test:8443/a"),
        (
            "Location",
            "http://10.0.0.55:9001/a",
            "http://10.0.0.55:9001/a",
        ),
        (
            "Location",
            "https://node.internal/x",
            "https://app.test:8443/x",
        ),
        (
            "Location",
            "https://node.internal.:443/x",
            "https://app.test:8443/x",
        ),
        (
            "Location",
            "https://u:p@node.internal/x",
            "https://app.test:8443/x",
        ),
        (
            "Location",
            "https://node.internal.example/x",
            "https://node.internal.example/x",
        ),
        (
            "Location",
            "http://127.0.0.1:9002/x",
            "https://app.test:8443/x",
        ),
        (
            "Location",
            "http://localhost:9002/x",
            "https://app.test:8443/x",
        ),
        ("Location", "http://[::1]:9002/x", "https://app.test:8443/x"),
        // The site itself.
        (
            "Location",
            "http://127.0.0.1:8080/x",
            "http://127.0.0.1:8080/x",
        ),
        ("Location", "/a//10.0.0.6/b", "/a//10.0.0.6/b"),
        (
            "Content-Location",
            "http://10.0.0.5:9001/a",
            "https://app.test:8443/a",
        ),
        (
            "Refresh",
            "5; url=http://10.0.0.5:9001/a",
            "5; url=https://app.test:8443/a",
        ),
        (
            "Link",
            "<http://10.0.0.5:9001/a>; rel=next, <https://node.internal/b>; rel=\"prev\"",
            "<https://app.test:8443/a>; rel=next, <https://app.test:8443/b>; rel=\"prev\"",
        ),
        ("ETag", "http://10.0.0.5:9001/", "http://10.0.0.5:9001/"),
    ] {
        assert_eq!(
            rewritten(&names, name, value, "").as_deref(),
            Some(expected),
            "{name}: {value}"
        );
    }
}

#[test]
fn a_stripped_prefix_comes_back_in_urls_of_the_backend() {
    let names = names(&["http://10.0.0.5:9001"], &["app.test"]);
    for (value, expected) in [
        (
            "http://10.0.0.5:9001/login",
            "https://app.test:8443/api/login",
        ),
        (
            "http://10.0.0.5:9001/api/login",
            "https://app.test:8443/api/login",
        ),
        ("http://10.0.0.5:9001", "https://app.test:8443/api"),
        ("/login", "/login"),
    ] {
        for prefix in ["/api", "/api/"] {
            assert_eq!(
                rewritten(&names, "Location", value, prefix).as_deref(),
                Some(expected)
            );
        }
    }
}

#[test]
fn a_cookie_loses_a_domain_that_names_a_backend() {
    let names = names(
        &["http://node.internal:9001", "http://10.0.0.5"],
        &["app.test"],
    );
    for (value, expected) in [
        ("a=b; Domain=node.internal; Path=/", "a=b; Path=/"),
        ("a=b; domain=.Node.Internal", "a=b"),
        ("a=b; Domain=10.0.0.5; Secure", "a=b; Secure"),
        (
            "a=b; Domain=app.test; Path=/",
            "a=b; Domain=app.test; Path=/",
        ),
        (
            "domain=node.internal; Path=/",
            "domain=node.internal; Path=/",
        ),
        ("a=b", "a=b"),
    ] {
        assert_eq!(
            rewritten(&names, "Set-Cookie", value, "").as_deref(),
            Some(expected),
            "{value}"
        );
    }
}

proptest! {
    /// No URL that a client parses out of the result leads to the backend.
    #[test]
    fn no_rewritten_url_leads_to_a_backend(
        scheme in "(http|https|HTTP):",
        user in "(u@)?",
        port in "(:9001|:80|)",
        tail in "[/?#a.]{0,6}",
    ) {
        let names = names(&["http://node.internal:9001"], &["app.test"]);
        let value = format!("{scheme}//{user}node.internal{port}{tail}");
        let out = rewritten(&names, "Location", &value, "").unwrap();
        // "node.internal..." may go on as a longer name.
        if !tail.starts_with(['.', 'a']) {
            prop_assert!(!out.contains("node.internal"), "{value} -> {out}");
            prop_assert!(out.starts_with("https://app.test:8443"), "{out}");
        }
    }
}
