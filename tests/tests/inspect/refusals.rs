//! Programs that do not accept the certificate and say nothing: they close the connection.

use std::process::Command;

use privet_tests::{CommandOutput, Privet, program, python, require};

use crate::support::{Scene, authority, inspecting};

/// Node asks for a page through a tunnel, and trusts the authority in this file only. It finishes the handshake, looks at the
/// certificate, and closes the connection.
const NODE: &str = "
const http = require('http'), https = require('https');
const [proxy, port, ca] = process.argv.slice(1);
http.request({ port: proxy, method: 'CONNECT', path: `localhost:${port}` }).on('connect', (_, socket) => {
  https.get({ socket, agent: false, host: 'localhost', path: '/bytes/7', ca: require('fs').readFileSync(ca) }, answer => {
    answer.on('data', () => {}).on('end', () => { console.log(answer.statusCode); socket.destroy(); });
  }).on('error', error => { console.log(error.code); socket.destroy(); });
}).end();
";

fn node(privet: &Privet, port: u16, ca: &str) -> Option<String> {
    let mut command = Command::new("timeout");
    command.arg("60").arg(program("node")?);
    let proxy = privet.proxy().port().to_string();
    command.args(["-e", NODE, "--", &proxy, &port.to_string(), ca]);
    Some(CommandOutput::of(command).good().trim().to_owned())
}

fn exceptions(privet: &Privet) -> usize {
    let inspection = privet.json(&["inspect"]);
    inspection["exceptions"].as_array().map_or(0, Vec::len)
}

#[test]
fn a_program_that_closes_after_the_handshake_twice_is_excepted() {
    let scene = Scene::http("");
    let (certificates, privet, port) = (&scene.certificates, &scene.privet, scene.port);
    let own = certificates.text("ca.pem");
    for _ in 0..2 {
        let answer = require!(node(privet, port, &own));
        assert_ne!(answer, "200");
        privet.await_row("closed", |row| row["end"] == "failed");
    }
    privet.await_api("inspect", |inspection| {
        inspection["exceptions"][0]["reason"] == "refused-certificate"
    });
    assert_eq!(node(privet, port, &own).as_deref(), Some("200"));
    let row = privet.await_row("closed", |row| row["inspection"] == "untouched");
    assert!(row["app"].to_string().contains("node"), "{row:#}");
}

#[test]
fn a_program_that_closes_after_the_handshake_does_not_pass_where_a_rule_demands_inspection() {
    let rule = "[[rule]]\nmatch = { domain = [\"localhost\"] }\nuse = \"direct\"\ninspect = true\n";
    let scene = Scene::http(rule);
    let (certificates, privet, port) = (&scene.certificates, &scene.privet, scene.port);
    let own = certificates.text("ca.pem");
    for refused in 1..=4 {
        assert_ne!(require!(node(privet, port, &own)), "200");
        privet.await_api("inspect", |inspection| {
            inspection["counts"]["refused"] == refused
        });
    }
    assert_eq!(exceptions(privet), 0);
}

/// Opens tunnels to the target. `cut`: closes each one when the certificate is there, without an answer. `unused`: finishes the
/// handshake and closes. `used`: sends a request.
const CLIENT: &str = "
import socket, ssl, sys
proxy, target, ca, steps = sys.argv[1:]
host, port = proxy.rsplit(':', 1)
context = ssl.create_default_context(cafile=ca)
for step in steps.split(','):
    s = socket.create_connection((host, int(port)), timeout=30)
    s.sendall(f'CONNECT {target} HTTP/1.1\\r\\nHost: {target}\\r\\n\\r\\n'.encode())
    head = b''
    while not head.endswith(b'\\r\\n\\r\\n'):
        head += s.recv(1)
    if step == 'cut':
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = context.wrap_bio(incoming, outgoing, server_hostname='localhost')
        try:
            client.do_handshake()
        except ssl.SSLWantReadError:
            pass
        s.sendall(outgoing.read())
        assert s.recv(65536)
        s.close()
        continue
    t = context.wrap_socket(s, server_hostname='localhost')
    if step == 'used':
        t.sendall(f'GET /bytes/7 HTTP/1.1\\r\\nHost: {target}\\r\\nConnection: close\\r\\n\\r\\n'.encode())
        assert t.recv(1000).startswith(b'HTTP/1.1 200')
    t.close()
print('done')
";

fn steps(privet: &Privet, port: u16, ca: &str, steps: &str) -> Option<()> {
    let proxy = privet.proxy().to_string();
    let target = format!("localhost:{port}");
    let out = python(CLIENT, &[&proxy, &target, ca, steps])?;
    assert_eq!(out.good().trim(), "done");
    Some(())
}

#[test]
fn connections_closed_at_the_certificate_count_unless_the_program_was_seen_to_accept_it() {
    let scene = Scene::http("");
    let (certificates, privet, port, ca) =
        (&scene.certificates, &scene.privet, scene.port, &scene.ca);
    let ca = ca.display().to_string();
    let refused = |count: u64| {
        privet.await_api("inspect", |inspection| {
            inspection["counts"]["refused"] == count
        });
    };
    // As a browser that opens connections ahead, uses one, and closes the others.
    require!(steps(privet, port, &ca, "unused"));
    refused(1);
    require!(steps(privet, port, &ca, "used"));
    require!(steps(privet, port, &ca, "unused,cut,unused,cut"));
    refused(5);
    assert_eq!(exceptions(privet), 0);
    require!(steps(privet, port, &ca, "used"));
    // A program of which nothing but that was seen.
    let privet = Privet::start(&inspecting(certificates, ""));
    authority(&privet);
    require!(steps(&privet, port, &ca, "cut,cut"));
    privet.await_api("inspect", |inspection| {
        inspection["exceptions"][0]["reason"] == "refused-certificate"
    });
    let own = certificates.text("ca.pem");
    require!(steps(&privet, port, &own, "used"));
    let row = privet.await_row("closed", |row| {
        row["error"].to_string().contains("certificate")
    });
    let text = row["error"].to_string();
    assert!(
        text.contains("it closed the connection at the certificate"),
        "{row:#}"
    );
}
