//! Requests inside inspected tunnels: rows, filters by URL, the cache, headers, WebSocket, streaming.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use privet_tests::backend::reply;
use privet_tests::client::read_head;
use privet_tests::{Backend, Origin, Privet};

use crate::support::{
    Certificates, PYTHON_TUNNEL, Scene, authority, fetch, fetch_by, https_origin, inspecting,
};

#[test]
fn connect_and_socks_tunnels_are_inspected_over_both_versions_of_http() {
    let backend = Origin::http();
    let scene = Scene::before(backend.address, "");
    let (certificates, privet, port, ca) =
        (&scene.certificates, &scene.privet, scene.port, &scene.ca);
    let url = format!("https://localhost:{port}/bytes/300000");
    let socks = format!("socks5h://{}", privet.proxy());
    let http = format!("http://{}", privet.proxy());
    for proxy in [&http, &socks] {
        for (version, expected) in [("--http2", "2"), ("--http1.1", "1.1")] {
            let format = "%{http_code} %{http_version} %{size_download} %{ssl_verify_result}";
            let args = [version, "-o", "/dev/null", "-w", format, &url];
            let answer = fetch_by(proxy, ca, &args).good();
            assert_eq!(
                answer,
                format!("200 {expected} 300000 0"),
                "{proxy} {version}"
            );
        }
    }
    // A request without a body has none after the translation to HTTP/2 and back either.
    let sent = backend.heads().join("").to_lowercase();
    assert!(!sent.contains("transfer-encoding"), "{sent}");
    let row = privet.await_row("closed", |row| row["protocol"] == "socks5");
    assert_eq!(row["inspection"], "inspected", "{row:#}");
    assert_eq!(row["host"], "localhost");
    let requests = privet.await_api("requests?limit=10", |requests| requests["total"] == 4);
    let first = &requests["rows"][0];
    assert_eq!(first["url"], url, "{first:#}");
    assert_eq!(first["status"], 200);
    // The origin's own certificate is not what the client sees.
    assert_ne!(fetch(privet, &certificates.path("ca.pem"), &[&url]).code, 0);
}

#[test]
fn uploads_head_and_trailers_pass_an_inspected_tunnel() {
    let backend = Origin::http();
    let scene = Scene::before(backend.address, "");
    let (privet, port, ca) = (&scene.privet, scene.port, &scene.ca);
    let body = privet.sandbox.dir().join("body");
    std::fs::write(&body, "x".repeat(500_000)).expect("the folder takes a file");
    let upload = format!("@{}", body.display());
    let echo = format!("https://localhost:{port}/echo");
    for version in ["--http1.1", "--http2"] {
        let answer = fetch(privet, ca, &[version, "--data-binary", &upload, &echo]).good();
        assert!(answer.ends_with(&"x".repeat(500_000)), "{version}");
        let head = fetch(privet, ca, &[version, "-I", &echo]).good();
        assert!(head.contains(" 200"), "{head}");
    }
    let seen = backend.heads().join("");
    assert!(seen.contains(&format!("localhost:{port}")), "{seen}");
}

#[test]
fn lists_filter_https_by_path_and_the_page_says_so() {
    let certificates = Certificates::make();
    let backend = Origin::http();
    let (_origin, port) = https_origin(&certificates, backend.address);
    let sandbox = privet_tests::privet::Sandbox::new();
    std::fs::write(
        sandbox.dir().join("list.txt"),
        "[Adblock Plus 2.0]\n||localhost^*/tracker/\n",
    )
    .expect("the folder takes a file");
    let list = "[[filter.list]]\nname = \"paths\"\nsource = \"$DIR/list.txt\"\n";
    sandbox.write(&inspecting(&certificates, list));
    let privet = Privet::start_at(sandbox);
    let ca = authority(&privet);
    let url = |path: &str| format!("https://localhost:{port}{path}");
    let status = |path: &str| {
        let args = ["-o", "/dev/null", "-w", "%{http_code}", &url(path)];
        fetch(&privet, &ca, &args).good()
    };
    assert_eq!(status("/tracker/x.js"), "403");
    assert_eq!(status("/other/x.js"), "200");
    let page = fetch(&privet, &ca, &["-i", &url("/tracker/x.js")]).good();
    assert!(
        page.to_lowercase()
            .contains("privet-reason: localhost is blocked by list"),
        "{page}"
    );
    privet.await_row("blocked", |row| row["host"] == "localhost");
}

#[test]
fn the_cache_answers_https_requests_and_needs_no_connection_for_that() {
    let certificates = Certificates::make();
    let asked = std::sync::Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let backend = Backend::answering(move |stream, _, _| {
        counter.fetch_add(1, Ordering::SeqCst);
        reply(stream, "200 OK", "Cache-Control: max-age=600\r\n", b"kept")
    });
    let (origin, port) = https_origin(&certificates, backend.address);
    let privet = Privet::start(&inspecting(&certificates, "[cache]\nenabled = true\n"));
    let ca = authority(&privet);
    let url = format!("https://localhost:{port}/kept");
    for _ in 0..2 {
        assert_eq!(fetch(&privet, &ca, &[&url]).good(), "kept");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    // The verdict on the certificate is remembered: the origin may be gone.
    drop(origin);
    let answer = fetch(&privet, &ca, &["-i", &url]).good();
    assert!(answer.ends_with("kept"), "{answer}");
    assert!(
        answer.to_lowercase().contains("cache-status: privet; hit"),
        "{answer}"
    );
    // One scheme's answer is not the other's.
    let (_, listed) = privet.api("GET", "cache", None);
    assert_eq!(listed["entries"][0]["url"], url, "{listed:#}");
}

/// Accepts a WebSocket, and sends back whatever comes.
fn websocket_echo() -> Origin {
    Origin::raw(|mut stream| {
        let head = read_head(&mut stream).to_lowercase();
        assert!(head.contains("upgrade: websocket"), "{head}");
        let reply =
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
            Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        let _ = stream.write_all(reply);
        let mut buffer = [0; 1024];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            if stream.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
    })
}

#[test]
fn a_websocket_over_http_2_passes_an_inspected_tunnel() {
    let backend = websocket_echo();
    let scene = Scene::before(backend.address, "");
    let (privet, port, ca) = (&scene.privet, scene.port, &scene.ca);
    let script = "
const http = require('http'), http2 = require('http2'), tls = require('tls');
const [proxy, port] = process.argv.slice(1);
http.request({ port: proxy, method: 'CONNECT', path: `localhost:${port}` }).on('connect', (_, socket) => {
  const secure = tls.connect({ socket, servername: 'localhost', ALPNProtocols: ['h2'] }, () => {
    const session = http2.connect(`https://localhost:${port}`, { createConnection: () => secure });
    session.on('remoteSettings', settings => {
      if (!settings.enableConnectProtocol) { console.log('no extended CONNECT'); process.exit(1); }
      const stream = session.request({ ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/s',
        'sec-websocket-version': '13' });
      let text = '';
      stream.on('response', fields => { text += fields[':status'] + ' '; stream.write('one'); });
      stream.on('data', piece => {
        text += piece;
        if (text.endsWith('one')) { stream.write('two'); }
        if (text.endsWith('two')) { console.log(text); process.exit(0); }
      });
    });
  });
}).end();
";
    let mut command = std::process::Command::new("timeout");
    command
        .arg("60")
        .arg(privet_tests::require!(privet_tests::program("node")));
    command.env("NODE_EXTRA_CA_CERTS", ca);
    let proxy = privet.proxy().port().to_string();
    command.args(["-e", script, "--", &proxy, &port.to_string()]);
    let out = privet_tests::CommandOutput::of(command);
    assert_eq!(out.good().trim(), "200 onetwo");
}

#[test]
fn a_websocket_passes_an_inspected_tunnel() {
    let backend = websocket_echo();
    let scene = Scene::before(backend.address, "");
    let (privet, port, ca) = (&scene.privet, scene.port, &scene.ca);
    let script = "
proxy, target, ca = sys.argv[1:]
s = tunnel(proxy, target)
context = ssl.create_default_context(cafile=ca)
context.set_alpn_protocols(['http/1.1'])
t = context.wrap_socket(s, server_hostname=target.rsplit(':', 1)[0])
t.sendall(f'GET /s HTTP/1.1\\r\\nHost: {target}\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n'
          f'Sec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\n\\r\\n'.encode())
head = b''
while not head.endswith(b'\\r\\n\\r\\n'):
    head += t.recv(1)
assert head.startswith(b'HTTP/1.1 101'), head
for number in range(3):
    t.sendall(b'frame %d' % number)
    assert t.recv(7) == b'frame %d' % number
print('echoed')
";
    let target = format!("localhost:{port}");
    let out = privet_tests::python(
        &[PYTHON_TUNNEL, script].concat(),
        &[
            &privet.proxy().to_string(),
            &target,
            &ca.display().to_string(),
        ],
    );
    let out = privet_tests::require!(out);
    assert_eq!(out.good().trim(), "echoed");
    let row = privet.await_row("closed", |row| row["host"] == "localhost");
    assert_eq!(row["inspection"], "inspected", "{row:#}");
}

#[test]
fn the_first_server_sent_event_passes_before_the_stream_ends() {
    let certificates = Certificates::make();
    let backend = Origin::raw(|mut stream| {
        read_head(&mut stream);
        let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
        let _ = stream.write_all(head);
        let _ = stream.write_all(b"d\r\ndata: first\n\n\r\n");
        // Until the client has had enough.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let (_origin, port) = https_origin(&certificates, backend.address);
    let privet = Privet::start(&inspecting(&certificates, ""));
    let ca = authority(&privet);
    let url = format!("https://localhost:{port}/events");
    for version in ["--http1.1", "--http2"] {
        // 28: the time that curl has is over.
        let answer = fetch(&privet, &ca, &[version, "-N", "--max-time", "3", &url]);
        assert_eq!(
            (answer.code, &*answer.out),
            (28, "data: first\n\n"),
            "{version}"
        );
    }
}

#[test]
fn a_request_for_another_host_is_misdirected() {
    let backend = Origin::http();
    let scene = Scene::before(backend.address, "");
    let (privet, port, ca) = (&scene.privet, scene.port, &scene.ca);
    let url = format!("https://localhost:{port}/");
    for version in ["--http1.1", "--http2"] {
        let args = [version, "-o", "/dev/null", "-w", "%{http_code}"];
        let other = [&args[..], &["-H", "Host: other.test", &url]].concat();
        assert_eq!(fetch(privet, ca, &other).good(), "421", "{version}");
    }
    assert!(backend.heads().is_empty());
}

#[test]
fn plain_http_in_a_tunnel_to_an_inspected_host_is_read_too() {
    let backend = Origin::http();
    let privet = Privet::start("[inspect]\nenabled = true\nhosts = [\"127.0.0.1\"]\n");
    let ca = authority(&privet);
    let url = backend.url("/bytes/1000");
    let args = [
        "--proxytunnel",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code} %{size_download}",
        &url,
    ];
    assert_eq!(fetch(&privet, &ca, &args).good(), "200 1000");
    // A method of another name begins the tunnel.
    let query = [&args[..], &["-X", "QUERY"]].concat();
    assert_eq!(fetch(&privet, &ca, &query).good(), "200 1000");
    let requests = privet.await_api("requests?limit=10", |requests| requests["total"] == 2);
    for row in 0..2 {
        assert_eq!(requests["rows"][row]["url"], url, "{requests:#}");
    }
}

#[test]
fn what_scanners_stop_does_not_pass_an_inspected_tunnel() {
    let certificates = Certificates::make();
    let backend = Backend::answering(|stream, head, _| {
        let body: &[u8] = match head.starts_with("GET /bad") {
            true => b"some harmful-marker inside",
            false => b"clean",
        };
        reply(stream, "200 OK", "", body)
    });
    let (_origin, port) = https_origin(&certificates, backend.address);
    let sandbox = privet_tests::privet::Sandbox::new();
    let rule = "rule Marker { strings: $a = \"harmful-marker\" condition: $a }\n";
    std::fs::write(sandbox.dir().join("x.yar"), rule).expect("the folder takes a file");
    let scan = "[scan]\nenabled = true\nrules = [\"$DIR/x.yar\"]\n";
    sandbox.write(&inspecting(&certificates, scan));
    let privet = Privet::start_at(sandbox);
    let ca = authority(&privet);
    let url = |path: &str| format!("https://localhost:{port}{path}");
    for version in ["--http1.1", "--http2"] {
        let clean = fetch(&privet, &ca, &[version, &url("/clean")]).good();
        assert_eq!(clean, "clean");
        let bad = fetch(&privet, &ca, &[version, &url("/bad")]);
        assert!(!bad.out.contains("harmful-marker"), "{version}: {bad:?}");
    }
    let why = privet.cli(&["why", &format!("localhost:{port}")]).out;
    assert!(
        why.contains("scan: [scan]: bodies that can be read are scanned"),
        "{why}"
    );
}
