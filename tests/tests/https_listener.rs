//! The HTTP proxy over TLS: certificates from files and of the installation's own, logins, reloads, real clients.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use privet_tests::client::{connect, read_all, read_head};
use privet_tests::privet::{Place, Setup};
use privet_tests::wait::until;
use privet_tests::{CommandOutput, Origin, PATIENCE, Privet, curl, process, program, require};
use serde_json::Value;

/// With certificate files in the folder, on the address that a test reserves for HTTP.
const FILES: &str =
    "[listen]\nhttps = [\"$HTTP\"]\npac = \"\"\ntls = { cert = \"cert.pem\", key = \"key.pem\" }\n";
const OWN: &str = "[listen]\nhttps = [\"$HTTP\"]\npac = \"$PAC\"\ntls = { self_signed = true }\n";

/// Makes a certificate that is its own authority, `cert.pem`, and its key, `key.pem`.
fn make_certificate(folder: &Path, names: &str) {
    let path = |name: &str| folder.join(name).display().to_string();
    let openssl = program("openssl").expect("openssl is installed wherever curl is");
    let mut command = Command::new(openssl);
    command.args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "60"]);
    command.args([
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-subj",
        "/CN=proxy",
    ]);
    command.args(["-addext", &format!("subjectAltName={names}")]);
    command.args(["-keyout", &path("key.pem"), "-out", &path("cert.pem")]);
    CommandOutput::of(command).good();
}

fn started(names: &str) -> Privet {
    let place = Place::new();
    make_certificate(place.dir(), names);
    place.write(FILES);
    Privet::start_at(place)
}

/// Runs curl through the proxy over TLS, by this name.
fn through(privet: &Privet, name: &str, trust: &Path, args: &[&str]) -> CommandOutput {
    let port = privet.place.http.port();
    let proxy = format!("https://{name}:{port}");
    let resolve = format!("{name}:{port}:127.0.0.1");
    let trust = trust.display().to_string();
    let mut all = vec!["--proxy", &proxy, "--proxy-cacert", &trust, "--noproxy", ""];
    if name.parse::<std::net::IpAddr>().is_err() {
        all.extend(["--resolve", &resolve]);
    }
    all.extend(args);
    curl(&all)
}

fn cert(privet: &Privet) -> PathBuf {
    privet.place.dir().join("cert.pem")
}

/// The listener in `privet status`.
fn listener(privet: &Privet) -> Value {
    let status = privet.json(&["status"]);
    let listeners = status["listeners"].as_array().expect("a list").clone();
    let https = listeners.into_iter().find(|one| one["kind"] == "https");
    https.unwrap_or_else(|| panic!("no https listener: {status:#}"))
}

fn problem(privet: &Privet, about: &str) -> Option<String> {
    let status = privet.json(&["status"]);
    let problems = status["problems"].as_array().expect("a list").clone();
    let found = problems.iter().find(|problem| problem["about"] == about);
    found.map(|problem| problem["text"].as_str().unwrap_or_default().to_owned())
}

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
    let body = privet.place.dir().join("body");
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
    let untrusting = ["--proxy", &format!("https://{}", privet.place.http), &url];
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
    command.current_dir(privet.place.dir());
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

#[test]
fn a_body_that_the_origin_cuts_short_is_not_complete_for_the_client() {
    let origin = Origin::raw(|mut stream| {
        read_head(&mut stream);
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    });
    let privet = started("DNS:proxy.test");
    let answer = through(&privet, "proxy.test", &cert(&privet), &[&origin.url("/")]);
    assert_eq!(answer.out, "hello");
    assert!([18, 56].contains(&answer.code), "{answer:?}");
}

#[test]
fn users_log_in_over_tls() {
    let origin = Origin::http();
    let place = Place::new();
    make_certificate(place.dir(), "DNS:proxy.test");
    place.write(&format!(
        "{FILES}users = [{{ name = \"alice\", password = \"secret\" }}]\n"
    ));
    let privet = Privet::start_at(place);
    let url = origin.url("/");
    let code = |args: &[&str]| {
        let always = ["-o", "/dev/null", "-w", "%{http_code}"];
        let args = [&always[..], args, &[&url]].concat();
        through(&privet, "proxy.test", &cert(&privet), &args).out
    };
    assert_eq!(code(&[]), "407");
    assert_eq!(code(&["--proxy-user", "alice:wrong"]), "407");
    assert_eq!(code(&["--proxy-user", "alice:secret"]), "200");
    let row = privet.await_row("closed", |row| row["user"] == "alice");
    assert_eq!(row["listener"], "https");
}

#[test]
fn a_name_that_the_certificate_does_not_have_gets_no_handshake() {
    let origin = Origin::http();
    let privet = started("DNS:proxy.test");
    let url = origin.url("/");
    through(&privet, "proxy.test", &cert(&privet), &[&url]).good();
    for name in ["other.test", "127.0.0.1"] {
        let answer = through(&privet, name, &cert(&privet), &["--proxy-insecure", &url]);
        assert_eq!(answer.code, 35, "{name}: {answer:?}");
        assert!(answer.err.contains("unrecognized name"), "{answer:?}");
    }
    privet.await_row("closed", |row| {
        row["error"] == "no certificate is served for other.test"
    });
    assert_eq!(origin.accepted(), 1);
}

#[test]
fn a_changed_certificate_is_taken_and_a_bad_one_leaves_the_old_in_force() {
    let origin = Origin::http();
    let privet = started("DNS:proxy.test");
    let url = origin.url("/");
    let first = privet.place.dir().join("first.pem");
    fs::copy(cert(&privet), &first).expect("the folder takes a file");
    let works = |trust: &Path| through(&privet, "proxy.test", trust, &[&url]).code == 0;
    assert!(works(&first));
    fs::write(cert(&privet), "this is no certificate").expect("the folder takes a file");
    until("the bad certificate is reported", || {
        problem(&privet, "listen:tls").is_some()
    });
    let said = problem(&privet, "listen:tls").expect("it stays");
    assert!(
        said.contains("cert.pem") && said.contains("stays"),
        "{said}"
    );
    assert!(works(&first));
    make_certificate(privet.place.dir(), "DNS:proxy.test");
    until("the new certificate is served", || works(&cert(&privet)));
    assert!(!works(&first));
    until("the problem is gone", || {
        problem(&privet, "listen:tls").is_none()
    });
}

#[test]
fn wrong_certificate_files_are_refused_at_start_and_by_a_reload() {
    let place = Place::new();
    place.write(FILES);
    let mut running = place.run(&Setup::default());
    assert_eq!(running.wait(PATIENCE).code(), Some(1), "{}", running.log());
    running.await_line("cert.pem cannot be read");
    let config = place.config().display().to_string();
    let checked = place.cli(&["--config", &config, "check"]);
    assert_eq!(checked.code, 2, "{checked:?}");
    assert!(checked.err.contains("cert.pem"), "{checked:?}");
    let privet = started("DNS:proxy.test");
    let text = fs::read_to_string(privet.place.config()).expect("it is there");
    fs::write(privet.place.config(), text.replace("key.pem", "cert.pem")).expect("it is written");
    until("the wrong key is reported", || {
        problem(&privet, "config").is_some()
    });
    let said = problem(&privet, "config").expect("it stays");
    assert!(said.contains("holds no private key"), "{said}");
    let origin = Origin::http();
    through(&privet, "proxy.test", &cert(&privet), &[&origin.url("/")]).good();
}

#[test]
fn a_key_that_others_may_read_is_reported() {
    let privet = started("DNS:proxy.test");
    assert_eq!(problem(&privet, "listen:certificate"), None);
    let mut chmod = Command::new("chmod");
    chmod.arg("644").arg(privet.place.dir().join("key.pem"));
    CommandOutput::of(chmod).good();
    privet.signal(rustix::process::Signal::HUP);
    until("the mode is reported", || {
        problem(&privet, "listen:certificate").is_some_and(|text| text.contains("mode 644"))
    });
}

#[test]
fn a_household_trusts_the_authority_that_privet_made_once() {
    let origin = Origin::http();
    let mut privet = Privet::start(OWN);
    let ca = privet.place.dir().join("data/tls/ca.pem");
    let status = privet.cli(&["status"]).good();
    let authority = listener(&privet)["certificate"]["authority"].clone();
    let fingerprint = authority["fingerprint"]
        .as_str()
        .expect("a text")
        .to_owned();
    assert!(status.contains(&fingerprint), "{status}");
    assert_eq!(authority["path"], ca.display().to_string());
    let mut openssl =
        Command::new(program("openssl").expect("openssl is installed wherever curl is"));
    openssl
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
        .arg(&ca);
    let shown = CommandOutput::of(openssl).good();
    assert!(shown.contains(&fingerprint), "{shown}");
    for name in ["127.0.0.1", "localhost"] {
        through(&privet, name, &ca, &[&origin.url("/")]).good();
    }
    let download = curl(&[
        "--noproxy",
        "*",
        &format!("http://{}/ca.pem", privet.place.pac),
    ])
    .good();
    assert_eq!(download, fs::read_to_string(&ca).expect("it is there"));
    // A torn file is set aside; the authority stays.
    let leaf = privet.place.dir().join("data/tls/leaf.pem");
    privet.restart_after(|| fs::write(&leaf, "torn").expect("it is written"));
    through(&privet, "localhost", &ca, &[&origin.url("/")]).good();
    let again = listener(&privet)["certificate"]["authority"]["fingerprint"].clone();
    assert_eq!(again, fingerprint);
    assert!(leaf.with_extension("pem.corrupt").exists());
}

#[test]
fn a_dry_run_makes_no_certificate() {
    let privet = Privet::start("");
    let https = [privet.place.http.to_string()];
    let body = serde_json::json!({ "listen": { "https": https, "tls": { "self_signed": true } } });
    let (status, answer) = privet.api("PATCH", "config?dry_run=true", Some(&body));
    assert_eq!(status, 200, "{answer:#}");
    assert!(!privet.place.dir().join("data/tls").exists());
}

#[test]
fn the_pac_names_the_proxy_over_tls_where_it_is_the_only_one_or_chosen() {
    let fetch = |privet: &Privet, query: &str| {
        let url = format!("http://{}/proxy.pac{query}", privet.place.pac);
        curl(&["--noproxy", "*", &url]).good()
    };
    let only = Privet::start(OWN);
    let https = format!("\"HTTPS {}", only.place.http);
    assert!(fetch(&only, "").contains(&https));
    assert!(!fetch(&only, "").contains("PROXY 127"));
    let both = Privet::start(&OWN.replace("https", "mixed = [\"$MIXED\"]\nhttps"));
    let https = format!("\"HTTPS {}", both.place.http);
    assert!(fetch(&both, "").contains(&format!("\"PROXY {}", both.place.mixed)));
    assert!(fetch(&both, "?listener=https").contains(&https));
    let wrong = curl(&[
        "--noproxy",
        "*",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        &format!("http://{}/proxy.pac?listener=ftp", both.place.pac),
    ]);
    assert_eq!(wrong.good(), "400");
    // A certificate without the address is reached by its name.
    let place = Place::new();
    make_certificate(place.dir(), "DNS:proxy.test");
    place.write(&FILES.replace("pac = \"\"", "pac = \"$PAC\""));
    let named = Privet::start_at(place);
    let port = named.place.http.port();
    assert!(fetch(&named, "").contains(&format!("\"HTTPS proxy.test:{port}")));
}

#[test]
fn clients_without_tls_are_told_and_silent_ones_closed() {
    let place = Place::new();
    make_certificate(place.dir(), "DNS:proxy.test");
    place.write(&format!(
        "{FILES}[listen.limits]\nhandshake_timeout = \"300ms\"\n"
    ));
    let privet = Privet::start_at(place);
    let mut plain = connect(privet.place.http);
    plain
        .write_all(b"GET http://a.test/ HTTP/1.1\r\n\r\n")
        .expect("open");
    let answer = String::from_utf8_lossy(&read_all(&mut plain)).into_owned();
    assert!(
        answer.starts_with("HTTP/1.1 400 ") && answer.contains("https://"),
        "{answer}"
    );
    let mut socks = connect(privet.place.http);
    socks.write_all(&[5, 1, 0]).expect("open");
    assert_eq!(read_all(&mut socks), b"");
    // Neither silence nor half a hello holds a connection longer than the limit.
    for bytes in [&[][..], &[22, 3, 1, 2, 0, 1]] {
        let mut silent = connect(privet.place.http);
        silent.write_all(bytes).expect("open");
        assert_eq!(silent.read(&mut [0]).ok(), Some(0));
    }
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
    let chromium = require!(program("chromium"));
    let origin = Origin::http();
    let privet = Privet::start(OWN);
    let home = require!(trusting_home(&privet.place.dir().join("data/tls/ca.pem")));
    let server = format!("--proxy-server=https://{}", privet.place.http);
    let pac = format!("--proxy-pac-url=http://{}/proxy.pac", privet.place.pac);
    let browse = |args: &[&str], url: &str| {
        let mut command = Command::new("timeout");
        command.arg("60").arg(&chromium).args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--dump-dom",
            "--virtual-time-budget=10000",
            "--proxy-bypass-list=<-loopback>",
        ]);
        command
            .env("HOME", home.path())
            .arg(format!(
                "--user-data-dir={}",
                home.path().join("profile").display()
            ))
            .args(args)
            .arg(url);
        CommandOutput::of(command).good()
    };
    let page = browse(&[&server], &origin.url("/page"));
    assert!(page.contains("fetched 36000"), "{page}");
    // The PAC excludes loopback; the name resolves only at the proxy.
    let resolve = "--host-resolver-rules=MAP pac.test 127.0.0.1";
    let page = browse(&[&pac, resolve], &origin.url("/page"));
    assert!(page.contains("fetched 36000"), "{page}");
    let row = privet.await_row("closed", |row| row["listener"] == "https");
    assert_eq!(row["protocol"], "http");
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
    command.args(["-c", HTTP_2, &privet.place.http.port().to_string()]);
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
    let proxy = format!("https://{}", privet.place.http);
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
    let place = Place::new();
    make_certificate(place.dir(), "IP:127.0.0.1");
    place.write(&format!(
        "{FILES}users = [{{ name = \"alice\", password = \"secret\" }}]\n"
    ));
    let privet = Privet::start_at(place);
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
