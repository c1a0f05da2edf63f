//! A new identity between the opening of a tunnel and its first request.

use privet_tests::{LoginUpstream, Origin, Privet, python, require};

use crate::support::{Certificates, PYTHON_TUNNEL, authority, https_origin, inspecting};

#[test]
fn the_first_request_after_a_new_identity_does_not_use_the_connection_of_the_old_one() {
    let certificates = Certificates::make();
    let backend = Origin::http();
    let (_origin, port) = https_origin(&certificates, backend.address);
    let upstream = LoginUpstream::to(port);
    let config = format!(
        "mode = \"own\"\n[modes.own]\nroute = \"tor\"\nkill_switch = true\ndns = \"upstream\"\n\
         [[upstream]]\nname = \"tor\"\nurl = \"socks5://{}\"\nisolate = \"host\"\n{}",
        upstream.address(),
        inspecting(&certificates, "")
    );
    let privet = Privet::start(&config);
    let ca = authority(&privet).display().to_string();
    // The client finishes its handshake, a new identity is taken, and only then does it ask.
    let script = "
proxy, target, ca, control = sys.argv[1:]
s = tunnel(proxy, target)
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
    let out = require!(python(
        &[PYTHON_TUNNEL, script].concat(),
        &[&proxy, &target, &ca, &control]
    ));
    assert_eq!(out.good().trim(), "200");
    let names = upstream.names();
    // One connection judged the certificate; the request went by another, with a login of its own.
    assert_eq!(names.len(), 2, "{names:?}");
    assert_ne!(names[0], names[1], "a new identity");
}
