//! Hostile requests to the HTTP proxy over HTTP/2, through its TLS listener.

use std::process::Command;

use privet_tests::client::python_program;
use privet_tests::https::{cert, started};
use privet_tests::{Backend, CommandOutput, require};

#[path = "../../crates/http/tests/common/hostile_h2.rs"]
#[allow(dead_code, reason = "the client in Python reads the frames itself")]
mod hostile_h2;
#[path = "../../crates/http/tests/common/hostile_heads.rs"]
mod hostile_heads;
#[path = "../../crates/http/tests/common/legal_head.rs"]
mod legal_head;

/// Sends the bytes of each line, in hexadecimal, on a connection of its own, and reads until its stream or the connection
/// ends. Prints what came, in hexadecimal.
const CLIENT: &str = "
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
context.set_alpn_protocols(['h2'])
def ended(frames):
    while len(frames) >= 9:
        length, kind, flags, stream = int.from_bytes(frames[:3]), frames[3], frames[4], frames[8]
        if len(frames) >= 9 + length and (kind in (0, 1) and flags & 1 and stream == 1 or kind in (3, 7)):
            return True
        frames = frames[9 + length:]
    return False
for line in open(sys.argv[3]):
    raw = socket.create_connection(('127.0.0.1', int(sys.argv[1])), timeout=20)
    with context.wrap_socket(raw, server_hostname='127.0.0.1') as client:
        assert client.selected_alpn_protocol() == 'h2'
        frames = b''
        try:
            client.sendall(bytes.fromhex(line))
            while not ended(frames):
                piece = client.recv(65536)
                if not piece:
                    break
                frames += piece
        except ConnectionError:
            pass
        print(frames.hex(), flush=True)
";

#[test]
fn the_proxy_forwards_nothing_of_a_hostile_request_over_http_2_that_is_illegal() {
    let python = require!(python_program());
    let origin = Backend::named("a");
    let privet = started("IP:127.0.0.1");
    let authority = origin.url().replace("http://", "");
    let hex =
        |bytes: Vec<u8>| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
    let requests = |heads: Vec<Vec<u8>>| -> Vec<String> {
        let said = heads
            .iter()
            .filter_map(|head| hostile_h2::request(head, &authority));
        said.map(hex).collect()
    };
    let send = |lines: &[String]| -> Vec<String> {
        let file = privet.sandbox.dir().join("requests");
        std::fs::write(&file, lines.join("\n")).expect("the folder takes a file");
        let mut command = Command::new(&python);
        command.args(["-c", CLIENT, &privet.sandbox.http.port().to_string()]);
        command.arg(cert(&privet)).arg(file);
        let answers = CommandOutput::of(command).good();
        answers.lines().map(str::to_owned).collect()
    };
    let hostile = requests(hostile_heads::hostile_heads());
    assert!(
        hostile.len() >= 250,
        "{} can be said in HTTP/2",
        hostile.len()
    );
    assert_eq!(send(&hostile).len(), hostile.len());
    let forwarded = origin.heads();
    assert!(
        forwarded.len() < hostile.len() / 2,
        "{} of {}",
        forwarded.len(),
        hostile.len()
    );
    for head in &forwarded {
        assert!(legal_head::is_legal(head), "{head:?}");
    }
    // A good request is answered by the same client.
    let good = requests(vec![b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()]);
    let answer = send(&good).concat();
    assert!(answer.contains(&hex(b"a GET /".to_vec())), "{answer}");
}
