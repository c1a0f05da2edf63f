//! A new identity between the opening of a tunnel and its first request.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};

use privet_tests::{Origin, Privet, python, require};

use crate::support::{Certificates, authority, https_origin, inspecting};

/// A SOCKS5 upstream that takes any login, records its name, and connects to this port.
fn upstream(port: u16) -> (Origin, Arc<Mutex<Vec<String>>>) {
    let names = Arc::new(Mutex::new(Vec::new()));
    let recorded = names.clone();
    let upstream = Origin::raw(move |mut client| {
        let mut serve = || -> std::io::Result<()> {
            let mut greeting = [0; 2];
            client.read_exact(&mut greeting)?;
            client.read_exact(&mut vec![0; usize::from(greeting[1])])?;
            client.write_all(&[5, 2])?;
            let mut part = [0; 2];
            client.read_exact(&mut part)?;
            let mut name = vec![0; usize::from(part[1])];
            client.read_exact(&mut name)?;
            client.read_exact(&mut part[..1])?;
            client.read_exact(&mut vec![0; usize::from(part[0])])?;
            client.write_all(&[1, 0])?;
            let mut request = [0; 5];
            client.read_exact(&mut request)?;
            client.read_exact(&mut vec![0; usize::from(request[4]) + 2])?;
            let name = String::from_utf8_lossy(&name).into_owned();
            recorded.lock().expect("no handler panics").push(name);
            client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
            let mut server = TcpStream::connect(("127.0.0.1", port))?;
            let (mut up, mut down) = (client.try_clone()?, server.try_clone()?);
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut up, &mut down);
                let _ = down.shutdown(Shutdown::Write);
            });
            let _ = std::io::copy(&mut server, &mut client);
            client.shutdown(Shutdown::Both)
        };
        let _ = serve();
    });
    (upstream, names)
}

#[test]
fn the_first_request_after_a_new_identity_does_not_use_the_connection_of_the_old_one() {
    let certificates = Certificates::make();
    let backend = Origin::http();
    let (_origin, port) = https_origin(&certificates, backend.address);
    let (upstream, names) = upstream(port);
    let config = format!(
        "mode = \"own\"\n[modes.own]\nroute = \"tor\"\nkill_switch = true\ndns = \"upstream\"\n\
         [[upstream]]\nname = \"tor\"\nurl = \"socks5://{}\"\nisolate = \"host\"\n{}",
        upstream.address,
        inspecting(&certificates, "")
    );
    let privet = Privet::start(&config);
    let ca = authority(&privet).display().to_string();
    // The client finishes its handshake, a new identity is taken, and only then does it ask.
    let script = "
import socket, ssl, sys
proxy, target, ca, control = sys.argv[1:]
host, port = proxy.rsplit(':', 1)
s = socket.create_connection((host, int(port)), timeout=30)
s.sendall(f'CONNECT {target} HTTP/1.1\\r\\nHost: {target}\\r\\n\\r\\n'.encode())
head = b''
while not head.endswith(b'\\r\\n\\r\\n'):
    head += s.recv(1)
t = ssl.create_default_context(cafile=ca).wrap_socket(s, server_hostname='localhost')
c = socket.socket(socket.AF_UNIX)
c.connect(control)
c.sendall(b'POST /api/v1/identity HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Type: application/json\\r\\n'
          b'Content-Length: 2\\r\\nConnection: close\\r\\n\\r\\n{}')
said = c.recv(1000)
assert said.startswith(b'HTTP/1.1 2'), said
t.sendall(f'GET /bytes/7 HTTP/1.1\\r\\nHost: {target}\\r\\nConnection: close\\r\\n\\r\\n'.encode())
print(t.recv(1000).split(b' ')[1].decode())
";
    let proxy = privet.proxy().to_string();
    let target = format!("localhost:{port}");
    let control = privet.sandbox.socket().display().to_string();
    let out = require!(python(script, &[&proxy, &target, &ca, &control]));
    assert_eq!(out.good().trim(), "200");
    let names = names.lock().expect("no handler panics").clone();
    // One connection judged the certificate; the request went by another, with a login of its own.
    assert_eq!(names.len(), 2, "{names:?}");
    assert_ne!(names[0], names[1], "a new identity");
}
