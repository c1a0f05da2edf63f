//! Browsers and runtimes that trust the authority: Chromium by its NSS database, Node, Python.

use std::path::Path;
use std::process::Command;

use privet_tests::https::{FILES, cert, make_certificate, through};
use privet_tests::privet::{Sandbox, Setup};
use privet_tests::{CommandOutput, Origin, Privet, chromium, program, python, require};

use crate::support::{Certificates, Scene, authority, https_origin, inspecting};

#[test]
fn chromium_loads_an_inspected_page_after_privet_was_told_to_trust() {
    require!(program("certutil"));
    let certificates = Certificates::make();
    let backend = Origin::http();
    let (_origin, port) = https_origin(&certificates, backend.address);
    let home = tempfile::tempdir().expect("a temporary folder");
    let setup = Setup {
        env: vec![("HOME".into(), home.path().display().to_string())],
        ..Setup::default()
    };
    let privet = Privet::start_as(&inspecting(&certificates, ""), &setup);
    let trusted = privet.cli(&["inspect", "trust", "--store", "nss"]).good();
    assert!(trusted.contains("trusts the authority"), "{trusted}");
    let proxy = format!("--proxy-server=http://{}", privet.proxy());
    let url = format!("https://localhost:{port}/page");
    let page = require!(chromium::browse(home.path(), &[&proxy], &url));
    assert!(page.contains("fetched 36000"), "{page}");
    let of_page = |requests: &serde_json::Value| requests.to_string().matches("/bytes/").count();
    let requests = privet.await_api("requests?limit=100", |requests| of_page(requests) >= 8);
    let rows = requests["rows"].as_array().expect("rows");
    let fetched = rows
        .iter()
        .filter(|row| row["url"].to_string().contains("/bytes/"));
    assert!(fetched.clone().count() >= 8, "{requests:#}");
    assert!(
        fetched.clone().all(|row| row["http_version"] == "HTTP/2"),
        "{requests:#}"
    );
}

#[test]
fn python_and_node_reach_an_inspected_host_with_their_own_trust() {
    let scene = Scene::http("");
    let (privet, port, ca) = (&scene.privet, scene.port, &scene.ca);
    let url = format!("https://localhost:{port}/bytes/2000");
    let proxy = format!("http://{}", privet.proxy());
    let script = "
import ssl, sys, urllib.request
url, proxy, ca = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({'https': proxy}), urllib.request.HTTPSHandler(context=context))
print(len(opener.open(url, timeout=30).read()))
";
    let out = python(script, &[&url, &proxy, &ca.display().to_string()]);
    if let Some(out) = out {
        assert_eq!(out.good().trim(), "2000");
    }
    let out = require!(node(ca, privet.proxy().port(), port));
    assert_eq!(out.good().trim(), "h2 200 2000");
}

/// Node over HTTP/2 through a tunnel.
fn node(ca: &Path, proxy: u16, port: u16) -> Option<CommandOutput> {
    let script = "
const http = require('http'), http2 = require('http2'), tls = require('tls');
const [proxy, port] = process.argv.slice(1);
http.request({ port: proxy, method: 'CONNECT', path: `localhost:${port}` }).on('connect', (_, socket) => {
  const secure = tls.connect({ socket, servername: 'localhost', ALPNProtocols: ['h2'] }, () => {
    const session = http2.connect(`https://localhost:${port}`, { createConnection: () => secure });
    const stream = session.request({ ':path': '/bytes/2000' });
    let size = 0, status;
    stream.on('response', fields => { status = fields[':status']; });
    stream.on('data', piece => { size += piece.length; });
    stream.on('end', () => { console.log(secure.alpnProtocol, status, size); session.close(); socket.destroy(); });
  });
}).end();
";
    let mut command = Command::new("timeout");
    command.arg("60").arg(program("node")?);
    command.env("NODE_EXTRA_CA_CERTS", ca);
    command.args(["-e", script, "--", &proxy.to_string(), &port.to_string()]);
    Some(CommandOutput::of(command))
}

#[test]
fn tunnels_through_the_proxy_over_tls_are_inspected_in_both_versions_of_http() {
    let certificates = Certificates::make();
    let backend = Origin::http();
    let (_origin, port) = https_origin(&certificates, backend.address);
    let sandbox = Sandbox::new();
    make_certificate(sandbox.dir(), "DNS:proxy.test,IP:127.0.0.1");
    sandbox.write(&format!("{FILES}{}", inspecting(&certificates, "")));
    let privet = Privet::start_at(sandbox);
    let ca = authority(&privet).display().to_string();
    let url = format!("https://localhost:{port}/bytes/2000");
    let args = [
        "--cacert",
        &ca,
        "-o",
        "/dev/null",
        "-w",
        "%{http_version} %{size_download}",
        &url,
    ];
    let answer = through(&privet, "127.0.0.1", &cert(&privet), &args);
    assert_eq!(answer.good(), "2 2000");
    let script = "
const http2 = require('http2'), tls = require('tls');
const [proxy, port] = process.argv.slice(1);
const outer = http2.connect(`https://127.0.0.1:${proxy}`, { rejectUnauthorized: false });
const tunnel = outer.request({ ':method': 'CONNECT', ':authority': `localhost:${port}` });
tunnel.on('response', fields => {
  if (fields[':status'] !== 200) { console.log('refused', fields[':status']); process.exit(1); }
  const secure = tls.connect({ socket: tunnel, servername: 'localhost', ALPNProtocols: ['http/1.1'] }, () => {
    secure.write(`GET /bytes/2000 HTTP/1.1\\r\\nHost: localhost:${port}\\r\\nConnection: close\\r\\n\\r\\n`);
  });
  let text = '';
  secure.setEncoding('latin1');
  secure.on('data', piece => { text += piece; });
  secure.on('end', () => {
    console.log(text.split(' ')[1], text.length - text.indexOf('\\r\\n\\r\\n') - 4);
    process.exit(0);
  });
});
";
    let mut command = Command::new("timeout");
    command.arg("60").arg(require!(program("node")));
    command.env("NODE_EXTRA_CA_CERTS", &ca);
    let proxy = privet.sandbox.http.port().to_string();
    command.args(["-e", script, "--", &proxy, &port.to_string()]);
    assert_eq!(CommandOutput::of(command).good().trim(), "200 2000");
    let row = privet.await_row("closed", |row| row["inspection"] == "inspected");
    assert_eq!(row["listener"], "https", "{row:#}");
}
