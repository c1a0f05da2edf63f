//! Clients of the HTTP proxy over TLS: curl, Chromium, and HTTP/2 by Node and frame by frame.

use std::fs;
use std::path::Path;
use std::process::Command;

use privet_tests::https::{FILES, OWN, cert, listener, make_certificate, started, through};
use privet_tests::privet::Sandbox;
use privet_tests::{CommandOutput, Origin, Privet, chromium, curl, process, program, require};
use serde_json::Value;

#[test]
fn curl_fetches_and_tunnels_through_tls() {
    let origin = Origin::http();
    let privet = started("DNS:proxy.test,IP:127.0.0.1");
    let url = origin.url("/bytes/3000000");
    for name in ["proxy.test", "127.0.0.1"] {
        for tunnel in [&[][..], &["--proxytunnel"]] {
            let args = [
                &["-o", "/dev/null", "-w", "%{http_code} %{size_download}"],
                tunnel,
                &[&url],
            ];
            let answer = through(&privet, name, &cert(&privet), &args.concat());
            assert_eq!(answer.good(), "200 3000000", "{name} {tunnel:?}");
        }
    }
    let big = "x".repeat(300_000);
    let body = privet.sandbox.dir().join("body");
    fs::write(&body, &big).expect("the folder takes a file");
    let upload = format!("@{}", body.display());
    let args = ["--data-binary", &upload, &origin.url("/echo")];
    let answer = through(&privet, "proxy.test", &cert(&privet), &args).good();
    assert!(answer.ends_with(&big));
    for protocol in ["http", "connect"] {
        let row = privet.await_row("closed", |row| row["protocol"] == protocol);
        assert_eq!(row["listener"], "https", "{row:#}");
    }
    assert_eq!(listener(&privet)["certificate"]["names"][0], "proxy.test");
    // A client that does not trust the certificate is refused by itself, and the row says so.
    let untrusting = ["--proxy", &format!("https://{}", privet.sandbox.http), &url];
    assert_eq!(curl(&untrusting).code, 60);
    privet.await_row("closed", |row| {
        row["error"]
            .as_str()
            .is_some_and(|text| text.contains("TLS handshake failed"))
    });
}

#[test]
fn tls_to_a_server_works_inside_tls_to_the_proxy() {
    let privet = started("DNS:proxy.test");
    let server = privet_tests::reserve();
    let mut command =
        Command::new(program("openssl").expect("openssl is installed wherever curl is"));
    command.current_dir(privet.sandbox.dir());
    command.args([
        "s_server", "-www", "-cert", "cert.pem", "-key", "key.pem", "-accept",
    ]);
    command.arg(server.to_string());
    let _server = process::Running::start("openssl", command);
    privet_tests::await_port(server, "openssl s_server");
    let connect_to = format!("proxy.test:443:{server}");
    let trust = cert(&privet).display().to_string();
    let args = [
        "--connect-to",
        &connect_to,
        "--cacert",
        &trust,
        "https://proxy.test/",
    ];
    let page = through(&privet, "proxy.test", &cert(&privet), &args).good();
    assert!(page.contains("s_server"), "{page}");
}

/// A profile folder for Chromium whose NSS database trusts a certificate.
fn trusting_home(certificate: &Path) -> Option<tempfile::TempDir> {
    let certutil = program("certutil")?;
    let home = tempfile::Builder::new()
        .prefix("privet-home-")
        .tempdir()
        .expect("a temporary folder");
    let database = home.path().join(".pki/nssdb");
    fs::create_dir_all(&database).expect("the folder takes a folder");
    let database = format!("sql:{}", database.display());
    for args in [
        &["-N", "--empty-password"][..],
        &[
            "-A",
            "-t",
            "C,,",
            "-n",
            "proxy",
            "-i",
            &certificate.display().to_string(),
        ],
    ] {
        let mut command = Command::new(&certutil);
        CommandOutput::of({
            command.args(["-d", &database]).args(args);
            command
        })
        .good();
    }
    Some(home)
}

#[test]
fn chromium_loads_a_page_through_the_proxy_over_tls_and_by_the_pac() {
    let origin = Origin::http();
    let privet = Privet::start(OWN);
    let home = require!(trusting_home(&privet.sandbox.dir().join("data/tls/ca.pem")));
    let server = format!("--proxy-server=https://{}", privet.sandbox.http);
    let pac = format!("--proxy-pac-url=http://{}/proxy.pac", privet.sandbox.pac);
    let browse = |args: &[&str], url: &str| chromium::browse(home.path(), args, url);
    let page = require!(browse(&[&server], &origin.url("/page")));
    assert!(page.contains("fetched 36000"), "{page}");
    // The PAC excludes loopback; the name resolves only at the proxy.
    let resolve = "--host-resolver-rules=MAP pac.test 127.0.0.1";
    let page = require!(browse(&[&pac, resolve], &origin.url("/page")));
    assert!(page.contains("fetched 36000"), "{page}");
    // The browser may have opened tunnels of its own.
    privet.await_row("closed", |row| {
        row["listener"] == "https" && row["protocol"] == "http"
    });
}

/// Speaks HTTP/2 frame by frame: a tunnel and a plain request at once. Arguments: port, authority file, origin.
const HTTP_2: &str = r#"
import socket, ssl, struct, sys
port, ca, origin = int(sys.argv[1]), sys.argv[2], sys.argv[3]
context = ssl.create_default_context(cafile=ca)
context.set_alpn_protocols(["h2"])
raw = socket.create_connection(("127.0.0.1", port), 20)
tls = context.wrap_socket(raw, server_hostname="proxy.test")
assert tls.selected_alpn_protocol() == "h2"
def frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload
def text(value):
    return bytes([len(value)]) + value.encode()
connect = b"\x02" + text("CONNECT") + b"\x01" + text(origin)
get = b"\x82\x86\x04" + text("/bytes/2000") + b"\x01" + text(origin)
request = b"GET /bytes/1000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
tls.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"")
    + frame(1, 4, 1, connect) + frame(0, 0, 1, request) + frame(1, 5, 3, get))
buffer, bodies, ended, heads = b"", {1: b"", 3: b""}, set(), {}
while ended != {1, 3}:
    more = tls.recv(65536)
    assert more, (bodies, ended, heads)
    buffer += more
    while len(buffer) >= 9:
        length = int.from_bytes(buffer[:3], "big")
        if len(buffer) < 9 + length:
            break
        kind, flags = buffer[3], buffer[4]
        stream = int.from_bytes(buffer[5:9], "big")
        payload, buffer = buffer[9:9 + length], buffer[9 + length:]
        assert kind not in (3, 7), (kind, stream, payload)
        if kind == 1:
            heads[stream] = payload[0]
        if kind == 0:
            bodies[stream] += payload
        if kind in (0, 1) and flags & 1:
            ended.add(stream)
# 0x88 is ":status: 200" (RFC 7541 appendix A).
assert heads == {1: 0x88, 3: 0x88}, heads
tunnel = bodies[1].split(b"\r\n\r\n", 1)
assert tunnel[0].startswith(b"HTTP/1.1 200"), tunnel
print(len(tunnel[1]), len(bodies[3]))
"#;

#[test]
fn http_2_carries_tunnels_and_requests_side_by_side() {
    let origin = Origin::http();
    let privet = started("DNS:proxy.test");
    let mut command = Command::new("python3");
    command.args(["-c", HTTP_2, &privet.sandbox.http.port().to_string()]);
    command.arg(cert(&privet)).arg(origin.address.to_string());
    let answer = CommandOutput::of(command);
    assert_eq!(
        (answer.code, answer.out.trim()),
        (0, "1000 2000"),
        "{answer:?}"
    );
    for protocol in ["http", "connect"] {
        let row = privet.await_row("closed", |row| row["protocol"] == protocol);
        assert_eq!(row["listener"], "https", "{row:#}");
    }
}

/// Requests and tunnels on one connection. Prints what came back.
const HTTP2: &str = r#"
const http2 = require('http2'), fs = require('fs');
const [proxy, ca, target, login] = process.argv.slice(1);
const session = http2.connect(proxy, { ca: fs.readFileSync(ca) });
const fail = (error) => { console.error(error); process.exit(1); };
session.on('error', fail);
const more = login ? { 'proxy-authorization': 'Basic ' + Buffer.from(login).toString('base64') } : {};
const run = (head, send) => new Promise((resolve) => {
  const stream = session.request({ ...head, ...more });
  let status = 0, bytes = 0;
  stream.on('error', fail);
  stream.on('response', (fields) => { status = fields[':status']; if (send) stream.write(send); });
  stream.on('data', (chunk) => { bytes += chunk.length; });
  stream.on('end', () => { stream.end(); resolve([status, bytes]); });
});
const get = (path) => run({ ':method': 'GET', ':scheme': 'http', ':authority': target, ':path': path });
const tunnel = (path) => run({ ':method': 'CONNECT', ':authority': target },
  `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
session.on('connect', async () => {
  const gets = Array.from({ length: 20 }, (_, n) => get('/bytes/' + n * 10000));
  const tunnels = Array.from({ length: 3 }, () => tunnel('/bytes/500000'));
  const done = [await Promise.all(gets), await Promise.all(tunnels)];
  console.log(JSON.stringify([session.alpnProtocol, ...done]));
  session.close();
});
"#;

fn over_http2(privet: &Privet, origin: &Origin, login: &str) -> Option<Value> {
    let proxy = format!("https://{}", privet.sandbox.http);
    let ca = cert(privet).display().to_string();
    let mut command = Command::new(program("node")?);
    command.args(["-e", HTTP2, &proxy, &ca, &origin.address.to_string(), login]);
    let out = CommandOutput::of(command).good();
    Some(serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}")))
}

#[test]
fn an_http2_client_fetches_and_tunnels_on_one_connection() {
    let origin = Origin::http();
    let privet = started("IP:127.0.0.1");
    let done = require!(over_http2(&privet, &origin, ""));
    assert_eq!(done[0], "h2");
    for (number, answer) in done[1].as_array().expect("a list").iter().enumerate() {
        assert_eq!(*answer, serde_json::json!([200, number * 10_000]));
    }
    for answer in done[2].as_array().expect("a list") {
        assert_eq!(answer[0], 200);
        assert!(answer[1].as_u64() > Some(500_000), "{done:#}");
    }
    let row = privet.await_row("closed", |row| row["protocol"] == "connect");
    let other = privet.await_row("closed", |row| row["protocol"] == "http");
    assert_eq!(
        (&row["listener"], &other["listener"]),
        (&"https".into(), &"https".into())
    );
    assert_eq!(row["client"], other["client"]);
}

#[test]
fn users_log_in_over_http2() {
    let origin = Origin::http();
    let sandbox = Sandbox::new();
    make_certificate(sandbox.dir(), "IP:127.0.0.1");
    sandbox.write(&format!(
        "{FILES}users = [{{ name = \"alice\", password = \"secret\" }}]\n"
    ));
    let privet = Privet::start_at(sandbox);
    let refused = require!(over_http2(&privet, &origin, ""));
    assert!(
        refused[1]
            .as_array()
            .expect("a list")
            .iter()
            .all(|answer| answer[0] == 407)
    );
    assert_eq!(origin.accepted(), 0);
    let done = require!(over_http2(&privet, &origin, "alice:secret"));
    assert!(
        done[1]
            .as_array()
            .expect("a list")
            .iter()
            .all(|answer| answer[0] == 200)
    );
}
