//! ClientHellos: any split gives the same result, an answer is there within the bound, and rustls reads the same name and
//! protocols.
#![no_main]

use libfuzzer_sys::fuzz_target;
use privet_tls::client_hello::{ClientHello, HelloRead, MAX_BYTES, SniName, read};
use rustls::server::{Accepted, Acceptor};

fn read_in_pieces(bytes: &[u8], cuts: &[u8]) -> HelloRead {
    let mut end = 0;
    for piece in privet_fuzz::pieces(bytes, cuts) {
        end += piece.len();
        match read(&bytes[..end]) {
            HelloRead::NeedMore => {}
            done => return done,
        }
    }
    HelloRead::NeedMore
}

fn rustls_reads(mut bytes: &[u8]) -> Option<Accepted> {
    let mut acceptor = Acceptor::default();
    while !bytes.is_empty() {
        acceptor.read_tls(&mut bytes).ok()?;
        if let Some(accepted) = acceptor.accept().ok()? {
            return Some(accepted);
        }
    }
    None
}

fn agrees(hello: &ClientHello, accepted: &Accepted) {
    let theirs = accepted.client_hello();
    match (&hello.name, theirs.server_name()) {
        (SniName::Host(name), Some(theirs)) => assert!(theirs.eq_ignore_ascii_case(name)),
        (SniName::Host(_), None) => panic!("rustls sees no name"),
        (SniName::Absent, theirs) => assert_eq!(theirs, None),
        // Neither is served.
        (SniName::Address(_) | SniName::Invalid, _) => {}
    }
    let theirs: Vec<&[u8]> = theirs.alpn().into_iter().flatten().collect();
    assert!(hello.alpn().eq(theirs));
}

fuzz_target!(|input: &[u8]| {
    // Four bytes determine how the rest is split.
    let Some((cuts, bytes)) = input.split_at_checked(4) else {
        return;
    };
    let whole = read(bytes);
    assert_eq!(whole, read_in_pieces(bytes, cuts));
    assert!(bytes.len() < MAX_BYTES || whole != HelloRead::NeedMore);
    if let HelloRead::Hello(hello) = &whole {
        assert!(hello.len <= bytes.len());
        assert_eq!(read(&bytes[..hello.len]), whole);
        if let Some(accepted) = rustls_reads(bytes) {
            agrees(hello, &accepted);
        }
    }
});
