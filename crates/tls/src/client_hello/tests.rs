use std::io::Read;
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::Arc;

use proptest::prelude::*;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use rustls_pki_types::ServerName;

use super::*;
use crate::Alpn;
use crate::provider::{alpn_ids, provider};
use crate::test_support::program;

/// What a rustls client sends first.
fn rustls_hello(host: &str, alpn: &[Alpn]) -> Vec<u8> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    config.alpn_protocols = alpn_ids(alpn);
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut bytes = Vec::new();
    while connection.wants_write() {
        connection.write_tls(&mut bytes).unwrap();
    }
    bytes
}

/// What `openssl s_client` sends first.
fn openssl_hello(arguments: &[&str]) -> Option<Vec<u8>> {
    let mut openssl = program("openssl")?;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut running = openssl
        .args(["s_client", "-connect", &address])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut client, _) = listener.accept().unwrap();
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    while read(&bytes) == HelloRead::NeedMore {
        let len = client.read(&mut buffer).unwrap();
        assert_ne!(len, 0, "openssl closed the connection");
        bytes.extend_from_slice(&buffer[..len]);
    }
    let _ = running.kill();
    running.wait().unwrap();
    Some(bytes)
}

/// The same message in records of at most `size` bytes.
fn fragmented(hello: &[u8], size: usize) -> Vec<u8> {
    let message = &hello[5..];
    let mut out = Vec::new();
    for fragment in message.chunks(size) {
        out.extend_from_slice(&[22, 3, 1]);
        out.extend_from_slice(&(fragment.len() as u16).to_be_bytes());
        out.extend_from_slice(fragment);
    }
    out
}

fn hello_of(bytes: &[u8]) -> ClientHello {
    match read(bytes) {
        HelloRead::Hello(hello) => hello,
        other => panic!("{other:?}"),
    }
}

/// Every beginning asks for more, and the whole is read, whatever follows it.
fn holds_at_every_byte(bytes: &[u8]) -> ClientHello {
    for end in 0..bytes.len() {
        assert_eq!(read(&bytes[..end]), HelloRead::NeedMore, "at {end}");
    }
    let hello = hello_of(bytes);
    assert_eq!(hello.len, bytes.len());
    let longer = [bytes, &[23, 3, 3, 0, 1, 0]].concat();
    assert_eq!(hello_of(&longer), hello);
    hello
}

#[test]
fn a_hello_of_rustls_is_read_at_every_split_and_fragmentation() {
    for (host, alpn) in [
        ("a.test", &[Alpn::H2, Alpn::Http11][..]),
        ("Upper.Case.TEST", &[]),
        ("127.0.0.1", &[Alpn::Http11]),
    ] {
        let bytes = rustls_hello(host, alpn);
        let hello = holds_at_every_byte(&bytes);
        let is_address = host.parse::<std::net::IpAddr>().is_ok();
        let expected = match is_address {
            true => SniName::Absent,
            false => SniName::Host(host.to_ascii_lowercase().into()),
        };
        assert_eq!(hello.name, expected, "{host}");
        let offered: Vec<Alpn> = hello.alpn().filter_map(Alpn::from_id).collect();
        assert_eq!(offered, alpn);
        assert!(hello.tls13 && !hello.ech_present);
        for size in [7, 64, 100, 1000] {
            let parts = fragmented(&bytes, size);
            let read = hello_of(&parts);
            assert_eq!((&read.name, read.len), (&hello.name, parts.len()), "{size}");
        }
        holds_at_every_byte(&fragmented(&bytes, 64));
    }
}

#[test]
fn a_hello_of_openssl_is_read_at_every_split() {
    for (arguments, name, tls13) in [
        (
            &["-servername", "a.test", "-alpn", "h2,http/1.1"][..],
            "a.test",
            true,
        ),
        (&["-servername", "b.test", "-tls1_2"], "b.test", false),
    ] {
        let Some(bytes) = openssl_hello(arguments) else {
            return;
        };
        let hello = holds_at_every_byte(&bytes);
        assert_eq!(hello.name.host(), Some(name));
        assert_eq!(hello.tls13, tls13);
    }
    let bytes = openssl_hello(&["-servername", "127.0.0.1"]).unwrap();
    assert_eq!(
        hello_of(&bytes).name,
        SniName::Address("127.0.0.1".parse().unwrap())
    );
    let bytes = openssl_hello(&["-noservername"]).unwrap();
    assert_eq!(hello_of(&bytes).name, SniName::Absent);
}

/// A hello with these extensions.
fn made(extensions: &[(u16, &[u8])]) -> Vec<u8> {
    let mut list = Vec::new();
    for (kind, content) in extensions {
        list.extend_from_slice(&kind.to_be_bytes());
        list.extend_from_slice(&(content.len() as u16).to_be_bytes());
        list.extend_from_slice(content);
    }
    let mut body = vec![3, 3];
    body.extend_from_slice(&[7; 32]);
    body.extend_from_slice(&[0, 0, 2, 0x13, 1, 1, 0]);
    body.extend_from_slice(&(list.len() as u16).to_be_bytes());
    body.extend_from_slice(&list);
    message(1, &body)
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![22, 3, 1];
    out.extend_from_slice(&(body.len() as u16 + 4).to_be_bytes());
    out.push(kind);
    out.extend_from_slice(&(body.len() as u32).to_be_bytes()[1..]);
    out.extend_from_slice(body);
    out
}

/// The content of a server_name extension.
fn names(list: &[(u8, &str)]) -> Vec<u8> {
    let mut names = Vec::new();
    for (kind, name) in list {
        names.push(*kind);
        names.extend_from_slice(&(name.len() as u16).to_be_bytes());
        names.extend_from_slice(name.as_bytes());
    }
    [&(names.len() as u16).to_be_bytes()[..], &names].concat()
}

#[test]
fn only_host_names_are_taken_for_names() {
    let host = |name: &str| SniName::Host(name.into());
    let address = |text: &str| SniName::Address(text.parse().unwrap());
    let long = "a".repeat(64);
    for (name, expected) in [
        ("a.test", host("a.test")),
        ("A.TEST", host("a.test")),
        ("xn--e1afmkfd.test", host("xn--e1afmkfd.test")),
        ("127.0.0.1", address("127.0.0.1")),
        ("::1", address("::1")),
        ("[::1]", address("::1")),
        ("127.1", SniName::Invalid),
        ("a.test.", SniName::Invalid),
        (".", SniName::Invalid),
        ("", SniName::Invalid),
        ("a b", SniName::Invalid),
        ("a/b", SniName::Invalid),
        ("*.a.test", SniName::Invalid),
        ("ä.test", SniName::Invalid),
        ("a\0b", SniName::Invalid),
        (&long, SniName::Invalid),
    ] {
        let bytes = made(&[(0, &names(&[(0, name)]))]);
        assert_eq!(hello_of(&bytes).name, expected, "{name:?}");
    }
}

#[test]
fn encrypted_client_hello_is_reported_and_says_nothing_else() {
    let bytes = made(&[(0xfe0d, &[0, 1, 2]), (0, &names(&[(0, "a.test")]))]);
    let hello = hello_of(&bytes);
    assert!(hello.ech_present);
    assert_eq!(hello.name.host(), Some("a.test"));
}

#[test]
fn what_is_no_hello_is_refused_with_its_reason() {
    use MalformedHello as M;
    let a = names(&[(0, "a.test")]);
    let mut too_long = made(&[]);
    too_long[6..9].copy_from_slice(&[0, 0x40, 0]);
    let mut left_over = made(&[]);
    left_over.push(0);
    left_over[4] += 1;
    let plain = |text: &str| text.as_bytes().to_vec();
    for (bytes, expected) in [
        (plain("GET / HTTP/1.1\r\n\r\n"), HelloRead::NotTls),
        (vec![5, 1, 0], HelloRead::NotTls),
        (vec![0x80, 0x2e, 1, 3, 1], HelloRead::NotTls),
        (vec![22, 2], HelloRead::NotTls),
        (vec![22, 3, 9], HelloRead::NotTls),
        (vec![22, 3, 1, 0, 0], HelloRead::Malformed(M::Record)),
        (vec![22, 3, 1, 0x40, 1], HelloRead::Malformed(M::Record)),
        (
            message(2, &[0; 40]),
            HelloRead::Malformed(M::NotClientHello),
        ),
        (too_long, HelloRead::Malformed(M::TooLong)),
        (left_over, HelloRead::Malformed(M::Structure)),
        (message(1, &[3, 3]), HelloRead::Malformed(M::Structure)),
        (
            made(&[(0, &a), (0, &a)]),
            HelloRead::Malformed(M::Structure),
        ),
        (
            made(&[(9, &[]), (9, &[])]),
            HelloRead::Malformed(M::Structure),
        ),
        (
            made(&[(0, &names(&[(0, "a"), (0, "b")]))]),
            HelloRead::Malformed(M::Structure),
        ),
        (
            made(&[(0, &names(&[(1, "a")]))]),
            HelloRead::Malformed(M::Structure),
        ),
        (made(&[(0, &[])]), HelloRead::Malformed(M::Structure)),
        (made(&[(16, &[0, 0])]), HelloRead::Malformed(M::Structure)),
        (
            made(&[(16, &[0, 1, 0])]),
            HelloRead::Malformed(M::Structure),
        ),
        (made(&[(43, &[1, 3])]), HelloRead::Malformed(M::Structure)),
        (Vec::new(), HelloRead::NeedMore),
    ] {
        assert_eq!(read(&bytes), expected, "{bytes:?}");
    }
    // Another record type inside a fragmented hello.
    let mut parts = fragmented(&made(&[]), 20);
    parts[25] = 23;
    assert_eq!(read(&parts), HelloRead::Malformed(M::Record));
}

#[test]
fn a_hello_without_extensions_is_one() {
    let mut body = vec![3, 3];
    body.extend_from_slice(&[7; 32]);
    body.extend_from_slice(&[0, 0, 2, 0, 0x2f, 1, 0]);
    assert_eq!(hello_of(&message(1, &body)).name, SniName::Absent);
}

#[test]
fn an_answer_is_there_within_the_bound() {
    let filler = vec![0; MAX_HELLO - 60];
    let longest = made(&[(21, &filler)]);
    for size in [1, 63, 64, MAX_HELLO] {
        let bytes = fragmented(&longest, size);
        let seen = &bytes[..bytes.len().min(MAX_BYTES)];
        match size < 64 {
            true => assert_eq!(read(seen), HelloRead::Malformed(MalformedHello::TooLong)),
            false => assert!(matches!(read(seen), HelloRead::Hello(_)), "{size}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_answer_to_a_beginning_is_the_answer_to_the_whole(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        size in 1usize..400,
        host in "[a-z]{1,20}\\.test",
    ) {
        let mut bytes = fragmented(&rustls_hello(&host, &[Alpn::H2]), size);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let whole = read(&bytes);
        for end in 0..bytes.len() {
            let beginning = read(&bytes[..end]);
            prop_assert!(beginning == HelloRead::NeedMore || beginning == whole);
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes);
        let mut record = vec![22, 3, 1, 0, bytes.len().min(255) as u8];
        record.extend_from_slice(&bytes);
        let _ = read(&record);
        let _ = read(&message(1, &bytes));
    }
}
