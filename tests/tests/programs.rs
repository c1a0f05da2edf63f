//! The program behind every connection: blocked, failed and short ones, also under load.

use std::process::{Child, Command, Stdio};

use privet_tests::wait::until;
use privet_tests::{Origin, Privet, curl};
use serde_json::Value;

/// Connections of each kind.
const CONNECTIONS: usize = 32;

/// Makes the connections one after another, each as short as possible: greeting, request, one byte of data, close.
const CLIENT: &str = "
import socket, sys
proxy, port, count = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
host = sys.argv[4].encode()
for _ in range(count):
    client = socket.create_connection(('127.0.0.1', proxy))
    client.sendall(b'\\x05\\x01\\x00')
    client.recv(2)
    client.sendall(b'\\x05\\x01\\x00\\x03' + bytes([len(host)]) + host + port.to_bytes(2, 'big'))
    reply = client.recv(10)
    if reply[1:2] == b'\\x00':
        client.sendall(b'x')
        client.recv(1)
    client.close()
";

/// Sends messages that are refused, and closes once they are answered.
const MALFORMED: &str = "
import socket, sys
messages = [b'GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n', b'CONNECT a HTTP/1.1\\r\\n\\r\\n', b'\\x05\\x01\\x07', b'\\x07rubbish']
for number in range(int(sys.argv[2])):
    client = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
    client.sendall(messages[number % len(messages)])
    while client.recv(4096):
        pass
    client.close()
";

/// A process that keeps one processor busy until dropped.
struct Busy(Child);

impl Busy {
    fn start() -> Self {
        let command = Command::new("timeout")
            .args(["120", "sh", "-c", "while :; do :; done"])
            .stdin(Stdio::null())
            .spawn();
        Self(command.expect("a shell"))
    }
}

/// One for each processor.
fn busy() -> Vec<Busy> {
    let processors = std::thread::available_parallelism().map_or(2, usize::from);
    (0..processors).map(|_| Busy::start()).collect()
}

impl Drop for Busy {
    fn drop(&mut self) {
        // `timeout` passes the signal on to its shell.
        let pid = self.0.id().to_string();
        let _ = Command::new("kill").arg(pid).status();
        let _ = self.0.wait();
    }
}

fn connect(privet: &Privet, host: &str, port: u16) {
    let args = [
        privet.proxy().port().to_string(),
        port.to_string(),
        CONNECTIONS.to_string(),
        host.to_owned(),
    ];
    let status = Command::new("python3")
        .args(["-c", CLIENT])
        .args(args)
        .status()
        .expect("Python is installed");
    assert!(status.success());
}

fn send_malformed(privet: &Privet) {
    let args = [privet.proxy().port().to_string(), CONNECTIONS.to_string()];
    let status = Command::new("python3")
        .args(["-c", MALFORMED])
        .args(args)
        .status()
        .expect("Python is installed");
    assert!(status.success());
}

/// Waits until the rows of all connections to a port have their programs.
fn named(privet: &Privet, state: &str, port: u16) {
    let of_port = || {
        let mut rows = privet.rows(state);
        rows.retain(|row| row["port"] == port);
        rows
    };
    until("every row", || of_port().len() == CONNECTIONS);
    let is_python = |row: &Value| {
        let app = row["app"].as_str();
        app.is_some_and(|app| app.starts_with("python")) && row["pid"].is_u64()
    };
    until("the programs", || of_port().iter().all(is_python));
}

fn blocked_failed_and_short_connections_are_named() {
    let privet = Privet::start("mode = \"standard\"\n[filter]\ndeny = [\"blocked.test\"]\n");
    connect(&privet, "blocked.test", 4711);
    named(&privet, "blocked", 4711);

    // Their target is not known.
    send_malformed(&privet);
    named(&privet, "closed", 0);

    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = closed.local_addr().expect("its number").port();
    drop(closed);
    connect(&privet, "127.0.0.1", port);
    named(&privet, "closed", port);

    let origin = Origin::echo();
    connect(&privet, "127.0.0.1", origin.port());
    named(&privet, "closed", origin.port());
}

#[test]
fn blocked_failed_and_short_connections_have_their_program() {
    blocked_failed_and_short_connections_are_named();
}

#[test]
fn blocked_failed_and_short_connections_have_their_program_beside_busy_processors() {
    let _busy = busy();
    blocked_failed_and_short_connections_are_named();
}

/// The look-up has read nothing yet, and the client is a process of its own that ends with its answer.
#[test]
fn the_first_connection_after_the_start_has_its_program_beside_busy_processors() {
    let _busy = busy();
    let origin = Origin::http();
    for scheme in ["socks5h", "http"] {
        for _ in 0..4 {
            let privet = Privet::start("");
            let through = format!("{scheme}://{}", privet.proxy());
            curl(&["-x", &through, &origin.url("/")]).good();
            let row = privet.await_row("closed", |row| row["port"] == origin.port());
            assert_eq!(row["app"], "curl", "{scheme}: {row}");
        }
    }
}
