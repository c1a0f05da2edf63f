//! Hostile requests inside inspected tunnels, over both versions of HTTP.

use std::process::Command;

use privet_tests::client::python_program;
use privet_tests::{Backend, CommandOutput, Privet, require};

use crate::support::{Certificates, authority, inspecting};

#[path = "../../../crates/http/tests/common/hostile_h2.rs"]
#[allow(dead_code, reason = "the client in Python reads the frames itself")]
mod hostile_h2;
#[path = "../../../crates/http/tests/common/hostile_heads.rs"]
mod hostile_heads;
#[path = "../../../crates/http/tests/common/legal_head.rs"]
mod legal_head;

/// Sends the bytes of each line of a file, in hexadecimal, through a tunnel of its own, and reads until the answer or the
/// connection ends. Prints what came, in hexadecimal. The origin, in the same process, ends TLS and passes the bytes on to a
/// backend: it changes nothing in them.
const CLIENT: &str = "
import socket, ssl, sys, threading
from concurrent.futures import ThreadPoolExecutor
proxy, backend, ca, requests, protocol, certificate, key = sys.argv[1:]
def address(text):
    host, port = text.rsplit(':', 1)
    return host, int(port)
def copy(source, sink):
    try:
        while piece := source.recv(65536):
            sink.sendall(piece)
    except OSError:
        pass
    finally:
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
server.load_cert_chain(certificate, key)
server.set_alpn_protocols(['http/1.1'])
listener = socket.create_server(('127.0.0.1', 0), backlog=200)
port = b'%05d' % listener.getsockname()[1]
target = 'localhost:' + port.decode()
def serve(raw):
    try:
        near = server.wrap_socket(raw, server_side=True)
    except OSError:
        return
    far = socket.create_connection(address(backend), timeout=30)
    threading.Thread(target=copy, args=(far, near), daemon=True).start()
    copy(near, far)
def accept():
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
threading.Thread(target=accept, daemon=True).start()
context = ssl.create_default_context(cafile=ca)
context.set_alpn_protocols([protocol])
def ended(frames):
    while len(frames) >= 9:
        length, kind, flags, stream = int.from_bytes(frames[:3]), frames[3], frames[4], frames[8]
        if len(frames) >= 9 + length and (kind in (0, 1) and flags & 1 and stream == 1 or kind in (3, 7)):
            return True
        frames = frames[9 + length:]
    return False
def send(line):
    raw = socket.create_connection(address(proxy), timeout=20)
    raw.sendall(f'CONNECT {target} HTTP/1.1\\r\\nHost: {target}\\r\\n\\r\\n'.encode())
    head = b''
    while not head.endswith(b'\\r\\n\\r\\n'):
        head += raw.recv(1)
    client = context.wrap_socket(raw, server_hostname='localhost')
    assert client.selected_alpn_protocol() == protocol
    answer = b''
    try:
        client.sendall(bytes.fromhex(line).replace(b'TARGET', target.encode()).replace(b'PPPPP', port))
        # What waits for the rest of a body is not waited for.
        client.settimeout(1 if protocol == 'http/1.1' else 20)
        while not (protocol == 'h2' and ended(answer)):
            piece = client.recv(65536)
            if not piece:
                break
            answer += piece
    except OSError:
        pass
    client.close()
    return answer.hex()
lines = open(requests).read().splitlines()
with ThreadPoolExecutor(8) as pool:
    for answer in pool.map(send, lines):
        print(answer, flush=True)
";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The corpus as a client of an origin writes it, each with a second request behind it.
fn in_origin_form() -> Vec<Vec<u8>> {
    let replaced = |bytes: Vec<u8>, from: &[u8], to: &[u8]| -> Vec<u8> {
        let mut out = Vec::new();
        let mut rest = &bytes[..];
        while let Some(at) = rest.windows(from.len()).position(|part| part == from) {
            out.extend_from_slice(&rest[..at]);
            out.extend_from_slice(to);
            rest = &rest[at + from.len()..];
        }
        [&out[..], rest].concat()
    };
    let next = b"GET /next HTTP/1.1\r\nHost: TARGET\r\nConnection: close\r\n\r\n";
    let heads = hostile_heads::hostile_heads().into_iter().map(|head| {
        let head = replaced(head, b"http://127.0.0.1:PORT/", b"/");
        let head = replaced(head, b"Host: x\r\n", b"Host: TARGET\r\n");
        [&head[..], next].concat()
    });
    heads.collect()
}

struct Scene {
    certificates: Certificates,
    origin: Backend,
    privet: Privet,
}

impl Scene {
    fn new() -> Self {
        let certificates = Certificates::make();
        let privet = Privet::start(&inspecting(&certificates, ""));
        Self {
            origin: Backend::named("a"),
            certificates,
            privet,
        }
    }

    fn send(&self, protocol: &str, requests: &[String]) -> Option<Vec<String>> {
        let ca = authority(&self.privet);
        let file = self.privet.sandbox.dir().join("requests");
        std::fs::write(&file, requests.join("\n")).expect("the folder takes a file");
        let mut command = Command::new(python_program()?);
        command.args(["-c", CLIENT, &self.privet.proxy().to_string()]);
        command.arg(self.origin.url().replace("http://", ""));
        command.arg(ca).arg(file).arg(protocol);
        command.args([
            self.certificates.text("good.pem"),
            self.certificates.text("good.key"),
        ]);
        let answers = CommandOutput::of(command).good();
        Some(answers.lines().map(str::to_owned).collect())
    }

    fn assert_all_legal(&self, sent: usize) {
        let forwarded = self.origin.heads();
        assert!(!forwarded.is_empty(), "nothing reached the origin");
        assert!(forwarded.len() < sent, "{} of {sent}", forwarded.len());
        for head in &forwarded {
            assert!(legal_head::is_legal(head), "{head:?}");
        }
    }
}

#[test]
fn nothing_illegal_of_a_hostile_request_leaves_an_inspected_tunnel() {
    let scene = Scene::new();
    let heads = in_origin_form();
    let lines: Vec<String> = heads.iter().map(|head| hex(head)).collect();
    assert!(lines.len() >= 200, "{}", lines.len());
    let answers = require!(scene.send("http/1.1", &lines));
    assert_eq!(answers.len(), lines.len());
    let next = hex(b"a GET /next");
    let refused = hex(b"HTTP/1.1 400");
    let refusals = answers.iter().filter(|answer| answer.starts_with(&refused));
    assert!(refusals.clone().count() > lines.len() / 2);
    for answer in refusals {
        // After a refusal nothing else is answered.
        assert!(!answer.contains(&next), "{answer}");
    }
    scene.assert_all_legal(lines.len());
}

#[test]
fn nothing_illegal_of_a_hostile_request_over_http_2_leaves_an_inspected_tunnel() {
    let scene = Scene::new();
    // The client alone knows the origin's port, and puts its five digits in the place of these.
    let heads = hostile_heads::hostile_heads();
    let said = heads
        .iter()
        .filter_map(|head| hostile_h2::request(head, "localhost:PPPPP"));
    let lines: Vec<String> = said.map(|bytes| hex(&bytes)).collect();
    assert!(lines.len() >= 250, "{} can be said in HTTP/2", lines.len());
    let answers = require!(scene.send("h2", &lines));
    assert_eq!(answers.len(), lines.len());
    let good = hostile_h2::request(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "localhost:PPPPP");
    let good = good.map(|bytes| hex(&bytes)).expect("HTTP/2 can say it");
    let answer = require!(scene.send("h2", &[good])).concat();
    assert!(answer.contains(&hex(b"a GET /")), "{answer}");
    scene.assert_all_legal(lines.len());
}
