//! A site with a cache: shared rules, backends that are down, HTTP/2.

use std::net::{SocketAddr, TcpListener};

use privet_tests::backend::{read_message, reply};
use privet_tests::client::curl;
use privet_tests::peers::Certificate;
use privet_tests::{Backend, Privet, SiteClient, require, reserve};

use crate::support::*;

fn site(backend: &Backend, keys: &str) -> (Privet, SocketAddr) {
    let listen = reserve();
    (Privet::start(&config(listen, &backend.url(), keys)), listen)
}

fn config(listen: SocketAddr, backend: &str, keys: &str) -> String {
    format!(
        "[[site]]\nname = \"app\"\nlisten = [\"{listen}\"]\nhosts = [\"app.test\"]\n{keys}\n\
         [[site.backend]]\nurl = \"{backend}\"\n"
    )
}

#[test]
fn a_site_answers_from_its_cache_for_all_clients() {
    let backend = numbered("Cache-Control: max-age=600\r\nServer: secret/1\r\n");
    let (_privet, listen) = site(&backend, "cache = true");
    for _ in 0..3 {
        let mut client = SiteClient::connect(listen, "app.test");
        for _ in 0..2 {
            let answer = client.get("/x");
            assert_eq!(answer.body, "answer 0", "{}", answer.head);
            assert_eq!(answer.field("server"), None);
        }
    }
    assert_eq!(backend.requests(), 1);
    let mut client = SiteClient::connect(listen, "app.test");
    let answer = client.request("GET /x HTTP/1.1\r\nHost: app.test\r\nCookie: a=b\r\n\r\n");
    assert!(used(&answer).starts_with("hit; ttl="), "{}", answer.head);
    // A poisoned entry would need an input that is not part of the key.
    for fields in [
        "X-Forwarded-Host: evil.test",
        "X-HTTP-Method-Override: DELETE",
        "X-Original-URL: /admin",
    ] {
        let answer = client.request(&format!(
            "GET /x HTTP/1.1\r\nHost: app.test\r\n{fields}\r\n\r\n"
        ));
        assert!(
            !used(&answer).starts_with("hit"),
            "{fields}: {}",
            answer.head
        );
    }
    assert_eq!(client.get("/x").body, "answer 0");
}

#[test]
fn a_site_without_a_cache_asks_its_backend_each_time() {
    let backend = numbered("Cache-Control: max-age=600\r\n");
    for keys in ["", "cache = false"] {
        let (_privet, listen) = site(&backend, keys);
        let before = backend.requests();
        for _ in 0..2 {
            let answer = SiteClient::connect(listen, "app.test").get("/");
            assert_eq!(answer.field("cache-status"), None);
        }
        assert_eq!(backend.requests() - before, 2);
    }
}

#[test]
fn what_is_fresh_is_answered_while_the_backend_is_down() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let backend = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        read_message(&mut stream, &mut Vec::new());
        reply(
            &mut stream,
            "200 OK",
            "Cache-Control: max-age=600\r\n",
            b"body",
        )
    });
    let listen = reserve();
    let _privet = Privet::start(&config(
        listen,
        &format!("http://{address}"),
        "cache = true",
    ));
    let mut client = SiteClient::connect(listen, "app.test");
    assert_eq!(client.get("/").body, "body");
    backend.join().expect("no panic").expect("open");
    assert_eq!(client.get("/").body, "body");
    assert!(client.get("/other").status >= 502);
    assert_eq!(client.get("/").body, "body");
}

#[test]
fn a_post_makes_the_next_get_ask_the_backend() {
    let backend = numbered("Cache-Control: max-age=600\r\n");
    let (_privet, listen) = site(&backend, "cache = true");
    let mut client = SiteClient::connect(listen, "app.test");
    assert_eq!(client.get("/a").body, "answer 0");
    let post = "POST /a HTTP/1.1\r\nHost: app.test\r\nContent-Length: 2\r\n\r\nhi";
    assert_eq!(client.request(post).body, "answer 1");
    assert_eq!(client.get("/a").body, "answer 2");
    assert_eq!(client.get("/a").body, "answer 2");
}

#[test]
fn a_stored_response_answers_over_http_2() {
    let backend = Backend::answering(|stream, _, _| {
        reply(
            stream,
            "200 OK",
            "Cache-Control: max-age=600\r\nETag: \"v\"\r\n",
            &[b'x'; 100_000],
        )
    });
    let (_privet, listen) = site(&backend, "cache = true");
    let url = format!("http://{listen}/");
    let ask = |args: &[&str]| {
        let fixed = [
            "-s",
            "--http2-prior-knowledge",
            "-H",
            "Host: app.test",
            &url,
        ];
        curl(&[&fixed, args].concat()).good()
    };
    for _ in 0..3 {
        assert_eq!(ask(&[]).len(), 100_000);
    }
    let head = ask(&["-o", "/dev/null", "-D", "-"]);
    assert!(head.contains("cache-status: privet; hit; ttl="), "{head}");
    assert!(head.contains("content-length: 100000"), "{head}");
    assert_eq!(ask(&["-r", "0-2"]), "xxx");
    assert_eq!(backend.requests(), 1);
}

/// A client leaves the port of https out of the host: the URL has none, whatever port the site listens on here.
#[test]
fn a_response_of_a_site_over_tls_is_found_by_the_url_that_the_browser_shows() {
    let certificate = require!(Certificate::new());
    let backend = numbered("Cache-Control: max-age=600\r\n");
    let listen = reserve();
    let file = certificate.both().display().to_string();
    let privet = Privet::start(&format!(
        "[[site]]\nname = \"app\"\nlisten = [\"{listen}\"]\nhosts = [\"localhost\"]\ncache = true\n\
         tls = {{ cert = \"{file}\", key = \"{file}\" }}\n[[site.backend]]\nurl = \"{}\"\n",
        backend.url()
    ));
    let ca = certificate.ca().display().to_string();
    let to = format!("localhost:443:127.0.0.1:{}", listen.port());
    let url = "https://localhost/x";
    let get = |version: &str| curl(&["--cacert", &ca, "--connect-to", &to, version, url]).good();
    assert_eq!(get("--http2"), "answer 0");
    assert_eq!(get("--http1.1"), "answer 0", "one URL in both versions");
    privet.await_row("closed", |row| {
        row["host"] == "localhost" && row["port"] == 443
    });
    let requests = privet.json(&["requests"]);
    assert_eq!(requests["rows"][0]["url"], url, "{requests:#}");
    let shown = privet.cli(&["cache", "explain", url]).good();
    assert!(!shown.contains("Nothing is stored"), "{shown}");
    let purged = privet.cli(&["cache", "purge", "--url", url]).good();
    assert!(purged.starts_with('1'), "{purged}");
    assert_eq!(get("--http2"), "answer 1");
}
