//! Sites over TLS.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use privet_tests::client::connect;
use privet_tests::peers::Certificate;
use privet_tests::privet::Setup;
use privet_tests::{Backend, Privet, SiteClient, require, reserve};

use crate::support::{config, echo};

#[test]
fn a_site_over_tls_speaks_both_versions_and_refuses_other_names() {
    let certificate = require!(Certificate::new());
    let backend = echo();
    let listen = reserve();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    for name in ["cert.pem", "key.pem"] {
        std::fs::copy(certificate.both(), file(name)).unwrap();
    }
    let text = format!(
        "[[site]]\nname = \"app\"\nlisten = [\"{listen}\"]\nhosts = [\"localhost\", \"127.0.0.1\"]\n\
         tls = {{ cert = \"{}\", key = \"{}\" }}\n[[site.backend]]\nurl = \"{}\"\n",
        file("cert.pem").display(),
        file("key.pem").display(),
        backend.url()
    );
    let privet = Privet::start(&text);
    let port = listen.port();
    let ca = certificate.ca().display().to_string();
    let get = |version: &str, host: &str| {
        let to = format!("{host}:{port}:127.0.0.1");
        let url = format!("https://{host}:{port}/x");
        privet_tests::curl(&[
            "--cacert",
            &ca,
            version,
            "--resolve",
            &to,
            "-w",
            "\n%{http_version}",
            &url,
        ])
    };
    for (version, shown) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let answer = get(version, "localhost").good();
        assert!(answer.ends_with(shown), "{answer}");
        assert!(answer.contains("X-Forwarded-Proto: https\r\n"), "{answer}");
        assert!(
            answer.contains(&format!("Host: localhost:{port}\r\n")),
            "{answer}"
        );
    }
    let by_address = format!("https://127.0.0.1:{port}/x");
    privet_tests::curl(&["--cacert", &ca, &by_address]).good();
    // No handshake for a name that no site has.
    assert_eq!(get("--http2", "other.test").code, 35);
    // On a connection for one name a request for another is misdirected.
    let url = format!("https://localhost:{port}/x");
    let args = [
        "--cacert",
        &ca,
        "-H",
        "Host: other.test",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        &url,
    ];
    assert_eq!(privet_tests::curl(&args).good(), "421");

    // A file that cannot be used leaves the certificate in use.
    let whole = std::fs::read(file("cert.pem")).unwrap();
    for (bytes, says) in [
        (&b"nonsense"[..], "holds no certificate"),
        (&whole[..100], "the file may be cut off"),
    ] {
        std::fs::write(file("cert.pem"), bytes).unwrap();
        privet.await_api("status", |status| {
            let problems = status["problems"].as_array();
            problems.is_some_and(|all| {
                let mut texts = all.iter().filter(|one| one["about"] == "site:tls");
                texts.any(|one| one["text"].to_string().contains(says))
            })
        });
    }
    assert!(get("--http2", "localhost").good().ends_with('2'));
    let file_path = privet.sandbox.config().display().to_string();
    let checked = privet.cli(&["check", "--config", &file_path]);
    assert_eq!(checked.code, 2, "{checked:?}");
    std::fs::copy(certificate.both(), file("cert.pem")).unwrap();
    privet.await_api("status", |status| {
        let problems = status["problems"].as_array();
        problems.is_some_and(|all| all.iter().all(|problem| problem["about"] != "site:tls"))
    });
}

/// A site over TLS with the test's certificate, for these hosts.
fn tls_site(
    certificate: &Certificate,
    listen: SocketAddr,
    hosts: &str,
    backend: &Backend,
) -> String {
    let file = certificate.both().display().to_string();
    format!(
        "[[site]]\nname = \"tls\"\nlisten = [\"{listen}\"]\nhosts = [{hosts}]\n\
         tls = {{ cert = \"{file}\", key = \"{file}\" }}\n[[site.backend]]\nurl = \"{}\"\n",
        backend.url()
    )
}

#[test]
fn a_client_without_tls_is_told_the_https_url_and_recorded() {
    let certificate = require!(Certificate::new());
    let backend = echo();
    let listen = reserve();
    let privet = Privet::start(&tls_site(&certificate, listen, "\"localhost\"", &backend));
    let answer = SiteClient::connect(listen, "localhost").get("/x");
    assert_eq!(answer.status, 400, "{answer:?}");
    let url = format!("https://localhost:{}/", listen.port());
    assert!(answer.body.contains(&url), "{answer:?}");
    // A handshake for a name that is not served, and bytes of another protocol.
    let other = format!("https://other.test:{}/", listen.port());
    let to = format!("other.test:{}:127.0.0.1", listen.port());
    assert_eq!(privet_tests::curl(&["--resolve", &to, &other]).code, 35);
    let mut stream = connect(listen);
    stream.write_all(&[5, 1, 0]).expect("it is open");
    let _ = stream.read(&mut [0]);
    for reason in [
        "does not speak TLS",
        "no certificate is served for other.test",
    ] {
        privet.await_row("closed", |row| {
            row["listener"] == "site" && row.to_string().contains(reason)
        });
    }
    assert_eq!(backend.requests(), 0);
}

#[test]
fn backends_over_tls_are_verified() {
    let certificate = require!(Certificate::new());
    let backend = Backend::named("inner");
    let (here, port) = (reserve(), reserve().port());
    // Reached under a name that is not in its certificate too.
    let elsewhere = SocketAddr::from(([127, 0, 0, 2], port));
    let inner = tls_site(&certificate, here, "\"localhost\", \"127.0.0.1\"", &backend)
        + &tls_site(&certificate, elsewhere, "\"127.0.0.2\"", &backend)
            .replace("\"tls\"", "\"elsewhere\"");
    let _inner = Privet::start(&inner);
    let get = |host: &str, url: &str, trusted: Option<&Path>| {
        let listen = reserve();
        let env = trusted.map(|ca| ("SSL_CERT_FILE".to_owned(), ca.display().to_string()));
        let setup = Setup {
            env: env.into_iter().collect(),
            ..Setup::default()
        };
        let text = config(listen, &[(url.to_owned(), 1)], "", "").replace("app.test", host);
        let _outer = Privet::start_as(&text, &setup);
        let mut client = SiteClient::connect(listen, host);
        let answer = client.get("/x");
        if answer.status == 200 {
            assert_eq!(client.get("/y").status, 200, "the connection is kept");
        }
        (answer.status, answer.body)
    };
    let ca = certificate.ca();
    // `Host` stays the client's, for which the inner site has no name.
    let url = format!("https://{here}");
    let (status, body) = get("app.test", &url, Some(&ca));
    assert_eq!(status, 421, "{body}");
    assert_eq!(backend.requests(), 0);
    let (status, body) = get("localhost", &url, Some(&ca));
    assert_eq!((status, body.as_str()), (200, "inner GET /x"));
    assert_eq!(backend.requests(), 2);
    for (url, trusted) in [
        (format!("https://{elsewhere}"), Some(&*ca)),
        (format!("https://{here}"), None),
    ] {
        let (status, body) = get("localhost", &url, trusted);
        assert_eq!(status, 502, "{url}: {body}");
        assert!(
            !body.contains(&port.to_string()) && !body.contains("certificate"),
            "{body}"
        );
    }
}

/// The first flight of a client that asks for localhost, as curl sends it.
fn client_hello() -> Vec<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let url = format!(
        "https://localhost:{}/",
        listener.local_addr().expect("an address").port()
    );
    let curl = std::thread::spawn(move || privet_tests::curl(&["-4", "--max-time", "5", &url]));
    let (mut stream, _) = listener.accept().expect("curl connects");
    let mut hello = vec![0; 16 * 1024];
    let read = stream.read(&mut hello).expect("curl begins");
    hello.truncate(read);
    drop(stream);
    let _ = curl.join();
    hello
}

#[test]
fn unfinished_handshakes_of_one_client_do_not_make_others_wait() {
    let certificate = require!(Certificate::new());
    let backend = echo();
    let listen = reserve();
    let _privet = Privet::start(&tls_site(&certificate, listen, "\"localhost\"", &backend));
    let hello = client_hello();
    // More than there are handshakes at a time.
    let stalled: Vec<TcpStream> = (0..1100)
        .map(|_| {
            let mut stream = connect(listen);
            stream.write_all(&hello).expect("it is open");
            stream
        })
        .collect();
    let to = format!("localhost:{}:127.0.0.1", listen.port());
    let (ca, url) = (
        certificate.ca(),
        format!("https://localhost:{}/", listen.port()),
    );
    let (ca, started) = (ca.display().to_string(), Instant::now());
    let args = [
        "--interface",
        "127.0.0.3",
        "--cacert",
        &ca,
        "--resolve",
        &to,
        &url,
    ];
    let answer = privet_tests::curl(&args).good();
    assert!(answer.starts_with("GET / "), "{answer}");
    let took = started.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(stalled.len(), 1100);
}
