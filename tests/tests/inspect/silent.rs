//! Clients that are slow or silent: what could not be seen does not open a way past inspection.

use std::io::{Read, Write};
use std::sync::{Mutex, mpsc};

use privet_tests::{Origin, Privet, python, require};

use crate::support::{Certificates, PYTHON_TUNNEL, Scene, authority, inspecting, tunnel};

/// Opens a tunnel, waits, and begins TLS; `pieces`: it sends the first bytes of the handshake before it waits.
const CLIENT: &str = "
import time
proxy, target, ca, pieces = sys.argv[1:]
s = tunnel(proxy, target)
incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
client = ssl.create_default_context(cafile=ca).wrap_bio(incoming, outgoing, server_hostname='localhost')
first = pieces == 'pieces'
def run(step):
    global first
    while True:
        try:
            return step()
        except ssl.SSLWantReadError:
            bytes = outgoing.read()
            if first:
                s.sendall(bytes[:3])
                bytes = bytes[3:]
                first = False
            if wait:
                time.sleep(wait.pop())
            s.sendall(bytes)
            piece = s.recv(65536)
            if not piece:
                sys.exit('closed')
            incoming.write(piece)
# Longer than a client may be silent before the destination is dialed.
wait = [3]
run(client.do_handshake)
issuer = dict(part[0] for part in client.getpeercert()['issuer'])['commonName']
client.write(f'GET /bytes/7 HTTP/1.1\\r\\nHost: {target}\\r\\nConnection: close\\r\\n\\r\\n'.encode())
answer = run(lambda: client.read(1000))
print(issuer.split(' ')[0], answer.split(b' ')[1].decode())
";

#[test]
fn tls_that_begins_late_or_in_pieces_is_inspected_all_the_same() {
    let scene = Scene::http("");
    let (privet, port, ca) = (&scene.privet, scene.port, &scene.ca);
    let ca = ca.display().to_string();
    let target = format!("localhost:{port}");
    for pieces in ["whole", "pieces"] {
        let args = [&*privet.proxy().to_string(), &target, &ca, pieces];
        let out = require!(python(&[PYTHON_TUNNEL, CLIENT].concat(), &args));
        assert_eq!(out.good().trim(), "Privet 200", "{pieces}");
    }
    let inspection = privet.json(&["inspect"]);
    assert_eq!(inspection["counts"]["inspected"], 2, "{inspection:#}");
    assert_eq!(inspection["counts"]["untouched"], 0, "{inspection:#}");
}

#[test]
fn a_handshake_that_cannot_be_read_does_not_pass() {
    let certificates = Certificates::make();
    let privet = Privet::start(&inspecting(&certificates, ""));
    authority(&privet);
    let origin = Origin::echo();
    // A record that is no handshake's begin: another message, and a length that no record has.
    for bytes in [
        &b"\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00"[..],
        b"\x16\x03\x01\xff\xff\x01",
    ] {
        let mut stream = tunnel(&privet, &format!("localhost:{}", origin.port()));
        stream.write_all(bytes).expect("the tunnel takes bytes");
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        assert!(rest.is_empty(), "{rest:?}");
    }
    assert_eq!(origin.accepted(), 0);
    let row = privet.await_row("blocked", |row| row["host"] == "localhost");
    let error = row["error"].to_string();
    assert!(error.contains("TLS handshake cannot be read"), "{row:#}");
}

#[test]
fn a_silent_tunnel_is_connected_and_waits_for_whoever_speaks_first() {
    let certificates = Certificates::make();
    let privet = Privet::start(&inspecting(&certificates, ""));
    authority(&privet);
    // It greets once it is told: the client's silence alone decides nothing.
    let (tell, told) = mpsc::channel();
    let told = Mutex::new(told);
    let greeter = Origin::raw(move |mut stream| {
        let told = told.lock().expect("no handler panics");
        let _ = told.recv_timeout(privet_tests::TIMEOUT);
        let _ = stream.write_all(b"220 hello\r\n");
        let mut line = [0; 6];
        let _ = stream.read_exact(&mut line);
        let _ = stream.write_all(&line);
    });
    let mut stream = tunnel(&privet, &format!("localhost:{}", greeter.port()));
    privet_tests::wait::until("the host is dialed", || greeter.accepted() == 1);
    let untouched = || privet.json(&["inspect"])["counts"]["untouched"].clone();
    assert_eq!(untouched(), 0);
    tell.send(()).expect("the host waits");
    let mut greeting = [0; 11];
    stream.read_exact(&mut greeting).expect("a greeting");
    assert_eq!(&greeting, b"220 hello\r\n");
    stream
        .write_all(b"EHLO\r\n")
        .expect("the tunnel takes bytes");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    assert_eq!(answer, b"EHLO\r\n");
    drop(stream);
    let row = privet.await_row("closed", |row| row["port"] == u64::from(greeter.port()));
    assert_eq!(
        row["inspection_why"],
        "the client sent nothing at first, and the host spoke"
    );
}
