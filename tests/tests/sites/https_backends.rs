//! Backends over TLS: HTTP/2 where the handshake agrees on it, else HTTP/1.1. Real servers: Node, nginx and grpcio.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::Command;

use bytes::Bytes;
use http::Request;
use privet_tests::backend::{SiteAnswer, dechunk};
use privet_tests::client::python_program;
use privet_tests::h2::{block_on, connect, get, read, write};
use privet_tests::peers::certificate::Certificate;
use privet_tests::privet::Setup;
use privet_tests::process::{own_memory, program};
use privet_tests::wait::until;
use privet_tests::{Privet, Running, SiteClient, await_port, python, require, reserve};

use crate::support::{Scene, config};

/// A site in front of one backend over TLS.
pub struct TlsScene {
    pub scene: Scene,
    server: Running,
    url: String,
    _certificate: Certificate,
}

impl TlsScene {
    /// `None`: a program is missing.
    pub fn node(speaks: &str) -> Option<Self> {
        Self::node_with("", speaks)
    }

    /// `tables`: further tables of the configuration.
    pub fn node_with(tables: &str, speaks: &str) -> Option<Self> {
        let node = program("node")?;
        Self::start(tables, |at, pem| {
            let mut command = Command::new(node);
            command.args(["-e", include_str!("https_backend.js"), "--"]);
            command.args([&at.port().to_string(), pem, speaks]);
            command
        })
    }

    fn start(tables: &str, command: impl FnOnce(SocketAddr, &str) -> Command) -> Option<Self> {
        let certificate = Certificate::new()?;
        let (address, listen) = (reserve(), reserve());
        let pem = certificate.both().display().to_string();
        let server = Running::start("the backend", command(address, &pem));
        await_port(address, "the backend");
        let url = format!("https://{address}");
        let trust = certificate.ca().display().to_string();
        let setup = Setup {
            env: vec![("SSL_CERT_FILE".to_owned(), trust)],
            ..Setup::default()
        };
        let text = config(listen, &[(url.clone(), 1)], "", tables);
        let privet = Privet::start_as(&text, &setup);
        Some(Self {
            scene: Scene { privet, listen },
            server,
            url,
            _certificate: certificate,
        })
    }

    pub fn client(&self) -> SiteClient {
        self.scene.client()
    }

    pub fn get(&self, path: &str) -> String {
        let answer = self.scene.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", self.server.log());
        body_of(&answer)
    }

    /// Clients that have begun to read an endless response, and read no more.
    pub fn slow_readers(&self, count: usize) -> Vec<SiteClient> {
        let one = |_| {
            let mut client = self.client();
            let stream = client.stream();
            stream
                .write_all(b"GET /endless HTTP/1.1\r\nHost: app.test\r\n\r\n")
                .expect("it is open");
            let mut first = [0; 1024];
            stream.read_exact(&mut first).expect("it begins");
            client
        };
        (0..count).map(one).collect()
    }

    fn state(&self) -> String {
        self.scene.backend(&self.url)["state"].to_string()
    }
}

/// The body without its chunks.
pub fn body_of(answer: &SiteAnswer) -> String {
    match answer.field("transfer-encoding") {
        Some(_) => {
            let (body, _) = dechunk(answer.body.as_bytes());
            String::from_utf8(body).expect("it is text")
        }
        None => answer.body.clone(),
    }
}

fn post(path: &str, body: &str) -> String {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nHost: app.test\r\nContent-Length: {length}\r\n\r\n{body}")
}

#[test]
fn requests_to_an_https_backend_share_http_2_connections() {
    let site = require!(TlsScene::node("both"));
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                let mut client = site.client();
                for _ in 0..5 {
                    assert_eq!(body_of(&client.get("/")), "2.0 undefined");
                }
            });
        }
    });
    assert_eq!(site.get("/scheme"), "https");
    let threads = std::thread::available_parallelism().expect("it is known");
    let opened: usize = site.get("/sessions").parse().expect("a number");
    assert!(opened <= threads.get(), "{opened} for {threads} threads");
}

#[test]
fn an_https_backend_without_http_2_gets_http_1() {
    let site = require!(TlsScene::node("http1"));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut client = site.client();
                for _ in 0..5 {
                    assert_eq!(body_of(&client.get("/")), "1.1 undefined");
                }
            });
        }
    });
    let opened: usize = site.get("/sessions").parse().expect("a number");
    assert!(opened <= 10, "{opened} connections for 8 clients");
}

#[test]
fn bodies_and_trailers_pass_to_and_from_an_https_backend() {
    let site = require!(TlsScene::node("both"));
    let body: Vec<u8> = (0..3_000_000u32).map(|n| (n / 7) as u8).collect();
    block_on(async {
        let mut client = connect(site.scene.listen)
            .await
            .ready()
            .await
            .expect("it is open");
        let request = Request::post("http://app.test/echo").body(());
        let (response, mut send) = client
            .send_request(request.expect("a request"), false)
            .expect("a stream");
        let sending = {
            let body = Bytes::from(body.clone());
            async move {
                write(&mut send, body).await.expect("it is taken");
                let mut trailers = http::HeaderMap::new();
                trailers.insert("x-up", "sent".parse().expect("a value"));
                send.send_trailers(trailers).expect("it is open");
            }
        };
        let ((), response) = tokio::join!(sending, response);
        let mut response = response.expect("an answer");
        let echoed = read(response.body_mut()).await.expect("the whole");
        assert!(echoed == body, "the body changed");
        let trailers = response.body_mut().trailers().await.expect("the end");
        let trailers = trailers.expect("there are trailers");
        assert_eq!(trailers["x-from"], "sent");
        assert_eq!(trailers["x-sum"].len(), 64);
    });
    // HTTP/1 in front.
    let answer = site
        .client()
        .request(&post("/echo", &"b".repeat(2_000_000)));
    assert_eq!((answer.status, body_of(&answer).len()), (200, 2_000_000));
}

#[test]
fn a_slow_reader_holds_a_bounded_memory_and_stalls_no_other_stream() {
    let site = require!(TlsScene::node("both"));
    assert_eq!(site.get("/"), "2.0 undefined");
    let before = own_memory(site.scene.privet.pid());
    let slow = site.slow_readers(24);
    for _ in 0..20 {
        assert_eq!(site.get("/"), "2.0 undefined");
    }
    let grown = own_memory(site.scene.privet.pid()).saturating_sub(before);
    assert!(grown < 16 * 1024, "{grown} KiB for {} readers", slow.len());
}

#[test]
fn a_request_that_the_backend_did_not_begin_is_sent_again_whatever_its_method() {
    let site = require!(TlsScene::node("both"));
    let mut client = site.client();
    let body = "c".repeat(20_000);
    for number in 0..5 {
        // REFUSED_STREAM.
        let answer = client.request(&post(&format!("/refused?{number}"), &body));
        assert_eq!(answer.status, 200, "{}", answer.head);
        assert!(body_of(&answer) == body, "the body changed");
    }
    // GOAWAY after each answer, while others are on their way.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = site.client();
                for _ in 0..25 {
                    let answer = client.request(&post("/leaving", &body));
                    assert_eq!(answer.status, 200, "{}", answer.head);
                    assert!(body_of(&answer) == body, "the body changed");
                }
            });
        }
    });
    // HTTP_1_1_REQUIRED.
    let answer = client.request(&post("/only-http1", &body));
    assert_eq!((answer.status, body_of(&answer).len()), (200, body.len()));
    assert_eq!(body_of(&client.get("/")), "2.0 undefined");
    assert_ne!(site.state(), "\"ejected\"");
}

#[test]
fn a_connection_that_dies_within_a_body_is_no_whole_answer() {
    let site = require!(TlsScene::node("both"));
    for _ in 0..3 {
        let mut client = site.client();
        assert!(
            client
                .try_request("GET /dies HTTP/1.1\r\nHost: app.test\r\n\r\n")
                .is_none(),
            "a truncated body looks whole"
        );
        assert_eq!(site.get("/"), "2.0 undefined");
    }
    block_on(async {
        let client = connect(site.scene.listen).await;
        let mut response = get(&client, "http://app.test/dies").await.expect("a head");
        assert!(read(response.body_mut()).await.is_err(), "it looks whole");
    });
}

const UPGRADE: &str = "GET /s HTTP/1.1\r\nHost: app.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

#[test]
fn a_websocket_reaches_an_https_backend_over_the_version_that_takes_it() {
    for (speaks, by) in [
        ("websockets", "http2"),
        ("both", "http1"),
        ("http1", "http1"),
    ] {
        let site = require!(TlsScene::node(speaks));
        for _ in 0..2 {
            let mut client = site.client();
            let answer = client.request(UPGRADE);
            assert_eq!((answer.status, answer.field("x-by")), (101, Some(by)));
            assert_eq!(
                answer.field("sec-websocket-accept"),
                Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
            );
            let stream = client.stream();
            stream.write_all(b"there and back").expect("it is open");
            let mut echoed = [0; 14];
            stream.read_exact(&mut echoed).expect("it comes back");
            assert_eq!(&echoed, b"there and back");
        }
        // Another upgrade goes over HTTP/1.1.
        let other = UPGRADE.replace("Upgrade: websocket", "Upgrade: other");
        assert_eq!(site.client().request(&other).status, 502);
        let version = if speaks == "http1" { "1.1" } else { "2.0" };
        assert_eq!(site.get("/"), format!("{version} undefined"));
    }
}

#[test]
fn an_upgrade_that_an_https_backend_does_not_speak_says_nothing_about_its_health() {
    let site = require!(TlsScene::node("http2"));
    assert_eq!(site.get("/"), "2.0 undefined");
    for _ in 0..6 {
        assert_eq!(site.client().request(UPGRADE).status, 502);
    }
    assert_ne!(site.state(), "\"ejected\"");
    assert_eq!(site.get("/"), "2.0 undefined");
}

#[test]
fn grpc_passes_to_a_backend_over_tls_whose_health_is_checked() {
    let program = require!(python_program());
    let health = "[site.health]\npath = \"/\"\ninterval = \"200ms\"\ntimeout = \"2s\"\n";
    let site = require!(TlsScene::start(health, |at, pem| {
        let mut command = Command::new(program);
        command.args(["-c", include_str!("grpc_server.py")]);
        command.args([&at.to_string(), pem, pem]);
        command
    }));
    let client = include_str!("grpc_client.py");
    let output = require!(python(client, &[&site.scene.listen.to_string()]));
    assert_eq!(output.code, 0, "{output:?}\n{}", site.server.log());
    assert_eq!(output.out, "all answered\n");
    let checks = || site.scene.backend(&site.url)["last_check"].clone();
    until("a health check", || !checks().is_null());
    assert_eq!(site.state(), "\"healthy\"", "{}", checks());
}

/// nginx over TLS, which sends GOAWAY after each ten requests.
fn nginx(folder: &std::path::Path, at: SocketAddr, pem: &str) -> Option<Command> {
    let nginx = program("nginx")?;
    let here = folder.display();
    let text = format!(
        "daemon off;\nerror_log stderr;\npid {here}/pid;\nevents {{}}\nhttp {{\naccess_log off;\n\
         client_body_temp_path {here}/body;\nproxy_temp_path {here}/proxy;\nfastcgi_temp_path {here}/fcgi;\n\
         uwsgi_temp_path {here}/uwsgi;\nscgi_temp_path {here}/scgi;\n\
         server {{\nlisten {at} ssl http2;\nssl_certificate {pem};\nssl_certificate_key {pem};\n\
         keepalive_requests 10;\nclient_body_buffer_size 64k;\n\
         location / {{ return 200 \"$server_protocol $http_x_number\"; }}\n\
         location /health {{ return 200 \"$server_protocol\"; }}\n}}\n}}\n"
    );
    let file = folder.join("nginx.conf");
    std::fs::write(&file, text).expect("the folder can be written");
    let mut command = Command::new(nginx);
    command.arg("-p").arg(folder).arg("-c").arg(file);
    Some(command)
}

#[test]
fn no_request_is_lost_where_nginx_closes_its_connections() {
    let folder = tempfile::tempdir().expect("a folder");
    require!(program("nginx"));
    let health = "[site.health]\npath = \"/health\"\ninterval = \"200ms\"\n";
    let site = require!(TlsScene::start(health, |at, pem| {
        nginx(folder.path(), at, pem).expect("it is installed")
    }));
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let site = &site;
            scope.spawn(move || {
                let mut client = site.client();
                for number in 0..50 {
                    let request = format!(
                        "POST / HTTP/1.1\r\nHost: app.test\r\nX-Number: {thread}.{number}\r\nContent-Length: 3\r\n\r\nabc"
                    );
                    let answer = client.request(&request);
                    assert_eq!(answer.status, 200, "{}", answer.head);
                    assert_eq!(body_of(&answer), format!("HTTP/2.0 {thread}.{number}"));
                }
            });
        }
    });
    // Health checks go over HTTP/1.1 as before.
    until("a health check", || {
        !site.scene.backend(&site.url)["last_check"].is_null()
    });
    assert_eq!(site.state(), "\"healthy\"");
}
