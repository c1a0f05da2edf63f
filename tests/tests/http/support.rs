//! What several of these tests need.

use std::io::{Read, Write};
use std::net::TcpStream;

use privet_tests::Privet;
use privet_tests::client::{connect, read_all, read_head};

/// Sends these bytes to the proxy and reads until it closes.
pub fn exchange(privet: &Privet, bytes: &[u8]) -> String {
    let mut stream = connect(privet.proxy());
    stream.write_all(bytes).expect("open");
    String::from_utf8_lossy(&read_all(&mut stream)).into_owned()
}

/// Reads one reply with a Content-Length from a persistent connection.
pub fn one_reply(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let head = read_head(stream);
    let size = privet_tests::origin::field(&head, "content-length")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; size];
    stream.read_exact(&mut body).expect("a whole body");
    (head, body)
}
