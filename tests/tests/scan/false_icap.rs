//! ICAP services that lie, change what they are to judge, or die.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

use privet_tests::client::read_head;

use crate::support::*;

const OPTIONS: &str = "ICAP/1.0 200 OK\r\nMethods: RESPMOD, REQMOD\r\nISTag: \"1\"\r\nAllow: 204\r\n\
                       Encapsulated: null-body=0\r\n\r\n";

/// A service that answers OPTIONS as it should, and everything else with `answer`.
fn service(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener.local_addr().expect("a listener has an address");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let mut all = Vec::new();
                let mut buffer = [0; 65536];
                while let Ok(count @ 1..) = stream.read(&mut buffer) {
                    all.extend_from_slice(&buffer[..count]);
                    let reply = match () {
                        () if all.starts_with(b"OPTIONS") => OPTIONS,
                        // The end of the body.
                        () if all.ends_with(b"\r\n0\r\n\r\n") => answer,
                        () => continue,
                    };
                    let _ = stream.write_all(reply.as_bytes());
                    return;
                }
            });
        }
    });
    address
}

#[test]
fn only_a_verdict_is_taken() {
    let origin = origin(|_| Some((BINARY, b"as it was".to_vec())));
    for (answer, scan, says) in [
        ("ICAP/1.0 204 No Content\r\n\r\n", "clean", ""),
        (
            "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=19\r\n\r\nHTTP/1.1 200 OK\r\n\r\n9\r\nas it was\r\n0\r\n\r\n",
            "clean",
            "",
        ),
        (
            "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=19\r\n\r\nHTTP/1.1 200 OK\r\n\r\n9\r\nsomething\r\n0\r\n\r\n",
            "bad",
            "modified (icap)",
        ),
        (
            "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, null-body=26\r\n\r\nHTTP/1.1 403 Forbidden\r\n\r\n",
            "bad",
            "blocked (icap)",
        ),
        // A page of the service's own under the status of the answer.
        (
            "ICAP/1.0 200 OK\r\nX-Violations-Found: 1\r\n\tfile\r\n\tSome.Virus\r\n\t0\r\n\t0\r\nEncapsulated: res-hdr=0, res-body=19\r\n\r\nHTTP/1.1 200 OK\r\n\r\n7\r\nblocked\r\n0\r\n\r\n",
            "bad",
            "Some.Virus (icap)",
        ),
        ("ICAP/1.0 500 Server error\r\n\r\n", "error", "answered 500"),
        (
            "HTTP/1.1 204 No Content\r\n\r\n",
            "error",
            "malformed reply",
        ),
        (
            "ICAP/1.0 200 OK\r\nEncapsulated: x=0\r\n\r\n",
            "error",
            "malformed reply",
        ),
        ("", "error", "icap: "),
    ] {
        let address = service(answer);
        let scanning = Scanning::start(&format!("icap = \"icap://{address}/x\"\n"));
        let got = scanning.curl(&format!("{}/file", origin.url()), &[]);
        assert_eq!(scanning.row("/file")["scan"], scan, "{answer:?}: {got:?}");
        match scan {
            "clean" => assert_eq!(got.good(), "as it was\n200 9"),
            _ => assert!(
                got.out.contains(says) && got.out.contains("\n403 "),
                "{answer:?}: {got:?}"
            ),
        }
    }
}

/// A service that answers OPTIONS as it should, and everything else as soon as its head is there.
fn hasty_service(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener.local_addr().expect("a listener has an address");
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for mut stream in listener.incoming().map_while(Result::ok) {
            let head = read_head(&mut stream);
            let reply = match head.starts_with("OPTIONS") {
                true => OPTIONS,
                false => answer,
            };
            let _ = stream.write_all(reply.as_bytes());
            // It reads nothing more, and closes nothing.
            open.push(stream);
        }
    });
    address
}

#[test]
fn a_verdict_on_a_body_that_was_not_read_is_none() {
    // More than the buffers between the two take.
    const SIZE: usize = 20 << 20;
    let origin = origin(|_| None);
    let address = hasty_service("ICAP/1.0 204 No Content\r\n\r\n");
    let keys = format!("icap = \"icap://{address}/x\"\nhold = \"all\"\n");
    let scanning = Scanning::start(&keys);
    let path = format!("/clean/{SIZE}");
    let got = scanning.curl(&format!("{}{path}", origin.url()), &[]);
    assert!(
        got.out.contains("before it had the whole body"),
        "{got:.500?}"
    );
    assert_eq!(scanning.row(&path)["scan"], "error");
}
