//! Without a network stale responses answer, and say so.

use privet_tests::namespace::{Namespaces, OUTSIDE};
use privet_tests::privet::Setup;
use privet_tests::{Privet, program, require};

use crate::support::*;

const PORT: u16 = 8098;

/// Answers each path with its own fields, once for each connection.
const SERVER: &str = r#"
import socket, sys
s = socket.create_server(("", int(sys.argv[1])))
print("listening", flush=True)
while True:
    c, _ = s.accept()
    path = c.recv(65536).split(b" ")[1]
    extra = b", must-revalidate" if path == b"/strict" else b""
    c.sendall(b"HTTP/1.1 200 OK\r\nCache-Control: max-age=10" + extra +
              b"\r\nAge: 20\r\nETag: \"v\"\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody")
    c.close()
"#;

#[test]
fn without_a_network_stale_responses_answer_and_say_so() {
    let world = require!(Namespaces::new());
    let python = require!(program("python3"));
    let python = python.to_string_lossy();
    let server = world.start_outside("server", &[&python, "-c", SERVER, &PORT.to_string()]);
    server.await_line("listening");
    let setup = Setup {
        prefix: world.prefix(),
        ..Setup::default()
    };
    let privet = Privet::start_as(ON, &setup);
    let proxy = format!("http://{}", privet.proxy());
    let ask = |path: &str| {
        let url = format!("http://{OUTSIDE}:{PORT}{path}");
        world
            .run(&["curl", "-s", "-i", "-m", "20", "-x", &proxy, &url])
            .out
    };
    for path in ["/", "/strict"] {
        assert!(ask(path).contains("fwd=uri-miss; stored"));
    }
    world.run(&["ip", "link", "set", "cable", "down"]).good();
    let stale = ask("/");
    assert!(stale.starts_with("HTTP/1.1 200"), "{stale}");
    assert!(stale.contains("detail=\"there is no network\""), "{stale}");
    assert!(stale.ends_with("body"), "{stale}");
    // Nothing else that is stored may answer: it forbids that, or is not there.
    for path in ["/strict", "/other"] {
        let failed = ask(path);
        assert!(failed.starts_with("HTTP/1.1 50"), "{path}: {failed}");
    }
    let rows = privet.json(&["requests", "--filter", "cache:stale"]);
    let why = rows["rows"][0]["cache_why"].as_str().unwrap_or_default();
    assert!(why.contains("no network"), "{rows}");
    // A server that is gone while there is a network is told as such.
    world.run(&["ip", "link", "set", "cable", "up"]).good();
    drop(server);
    let stale = ask("/");
    assert!(stale.starts_with("HTTP/1.1 200"), "{stale}");
    assert!(stale.contains("the origin did not answer"), "{stale}");
    let refused = ask("/strict");
    assert!(refused.starts_with("HTTP/1.1 50"), "{refused}");
}
