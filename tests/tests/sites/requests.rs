//! Which site, route and answer a request gets.

use privet_tests::{Backend, Privet, SiteClient, reserve};
use serde_json::Value;

use crate::support::Scene;

#[test]
fn a_host_that_no_site_has_is_misdirected() {
    let backend = Backend::named("a");
    let scene = Scene::new(&[&backend], "", "");
    for host in [
        "other.test",
        "app.test.evil",
        "localhost",
        "127.0.0.2",
        "xapp.test",
    ] {
        let answer = SiteClient::connect(scene.listen, host).get("/");
        assert_eq!(answer.status, 421, "{host}: {answer:?}");
    }
    assert_eq!(backend.requests(), 0);
    for host in [
        "app.test",
        "APP.test",
        "app.test.",
        "app.test:81",
        "127.0.0.1",
        "[::1]",
        "[::1]:8080",
    ] {
        let answer = SiteClient::connect(scene.listen, host).get("/x");
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, "a GET /x"),
            "{host}"
        );
    }
    // The URL counts and not the field, as RFC 9112 section 3.2.2 wants.
    let text = "GET http://other.test/ HTTP/1.1\r\nHost: app.test\r\n\r\n";
    assert_eq!(scene.client().request(text).status, 421);
    let text = "GET http://app.test/y HTTP/1.1\r\nHost: other.test\r\n\r\n";
    assert_eq!(scene.client().request(text).body, "a GET /y");
    let heads = backend.heads();
    assert!(
        heads
            .last()
            .is_some_and(|head| head.contains("\r\nHost: app.test\r\n")),
        "{heads:?}"
    );
}

#[test]
fn sites_share_a_listener_and_are_told_apart_by_host() {
    let (first, second) = (Backend::named("first"), Backend::named("second"));
    let listen = reserve();
    let site = |name: &str, host: &str, backend: &Backend| {
        format!(
            "[[site]]\nname = \"{name}\"\nlisten = [\"{listen}\"]\nhosts = [\"{host}\"]\n[[site.backend]]\nurl = \"{}\"\n",
            backend.url()
        )
    };
    let text = site("one", "one.test", &first) + &site("two", "*.two.test", &second);
    let _privet = Privet::start(&text);
    let get = |host: &str| SiteClient::connect(listen, host).get("/");
    assert_eq!(get("one.test").body, "first GET /");
    assert_eq!(get("a.two.test").body, "second GET /");
    assert_eq!(get("a.b.two.test").body, "second GET /");
    assert_eq!(get("two.test").status, 421);
}

#[test]
fn routes_go_by_the_longest_prefix_and_ambiguous_paths_are_refused() {
    let (own, fixed, api) = (
        Backend::named("own"),
        Backend::named("static"),
        Backend::named("api"),
    );
    let tables = format!(
        "[[site.route]]\npath = \"/static/\"\nbackends = [\"{}\"]\n\
         [[site.route]]\npath = \"/api\"\nstrip_prefix = true\nbackends = [\"{}\"]\n",
        fixed.url(),
        api.url()
    );
    let scene = Scene::new(&[&own], "", &tables);
    let mut client = scene.client();
    for (path, body) in [
        ("/", "own GET /"),
        ("/static", "own GET /static"),
        ("/static/a?b", "static GET /static/a?b"),
        ("/static/a%2Fb", "static GET /static/a%2Fb"),
        ("/api", "api GET /"),
        ("/api?q=1", "api GET /?q=1"),
        ("/api/v1//x", "api GET /v1//x"),
        ("/api//evil.test/", "api GET /evil.test/"),
        ("/apis", "own GET /apis"),
    ] {
        let answer = client.get(path);
        assert_eq!((answer.status, answer.body.as_str()), (200, body), "{path}");
    }
    let before = own.requests() + fixed.requests() + api.requests();
    for path in [
        "/static/../x",
        "/static/%2e%2e/x",
        "/static/..%2fx",
        "/x/../static/y",
        "/../x",
        "/%61pi/x",
    ] {
        assert_eq!(client.get(path).status, 400, "{path}");
    }
    assert_eq!(own.requests() + fixed.requests() + api.requests(), before);
    let heads = api.heads();
    assert!(
        heads[0].contains("\r\nX-Forwarded-Prefix: /api\r\n"),
        "{}",
        heads[0]
    );
}

#[test]
fn limits_of_rate_body_and_head_are_kept() {
    let backend = Backend::named("a");
    let keys =
        "limit = { requests_per_second = 1, burst = 5, body = \"1KiB\", header_bytes = \"2KiB\" }";
    let scene = Scene::new(&[&backend], keys, "");
    let statuses: Vec<u16> = (0..12).map(|_| scene.get("/").status).collect();
    assert_eq!(statuses[..5], [200; 5]);
    assert!(statuses.contains(&429), "{statuses:?}");
    let refused = scene.get("/");
    assert_eq!(refused.status, 429);
    let wait: u64 = refused.field("retry-after").unwrap().parse().unwrap();
    assert!((1..=2).contains(&wait), "{wait}");

    let keys = "limit = { body = \"1KiB\", header_bytes = \"2KiB\" }";
    let scene = Scene::new(&[&backend], keys, "");
    let before = backend.requests();
    let post = |length: usize| {
        let body = "x".repeat(length);
        let text =
            format!("POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: {length}\r\n\r\n{body}");
        scene.client().request(&text)
    };
    assert_eq!(post(1024).status, 200);
    assert_eq!(post(1025).status, 413);
    let chunks = format!("{:x}\r\n{}\r\n", 600, "x".repeat(600));
    let chunked = |count: usize| {
        let body = chunks.repeat(count);
        let text = format!(
            "POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n{body}0\r\n\r\n"
        );
        scene.client().request(&text)
    };
    assert_eq!(chunked(1).status, 200);
    assert_eq!(chunked(2).status, 413);
    let long = format!(
        "GET / HTTP/1.1\r\nHost: app.test\r\nX-Long: {}\r\n\r\n",
        "x".repeat(2100)
    );
    assert_eq!(scene.client().request(&long).status, 431);
    assert_eq!(backend.requests(), before + 2);
}

#[test]
fn clients_outside_allow_or_inside_deny_are_refused() {
    let backend = Backend::named("a");
    for (keys, status) in [
        ("allow = [\"127.0.0.0/8\"]", 200),
        ("allow = [\"192.0.2.0/24\"]", 403),
        ("deny = [\"127.0.0.1/32\"]", 403),
        ("allow = [\"127.0.0.0/8\"]\ndeny = [\"127.0.0.1/32\"]", 403),
    ] {
        let scene = Scene::new(&[&backend], keys, "");
        let text = "GET / HTTP/1.1\r\nHost: app.test\r\nAccept: application/json\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n";
        let answer = scene.client().request(text);
        assert_eq!(answer.status, status, "{keys}");
        if status == 403 {
            let body: Value = serde_json::from_str(&answer.body).unwrap();
            assert_eq!(body["status"], 403);
        }
    }
}
