//! How streams end, and what is buffered in them.

use std::io;
use std::process::Stdio;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::test_support::{TestAuthority, accept, handshake, program, server};
use crate::{Alpn, TlsStream};

async fn streams() -> (TlsStream<TcpStream>, TlsStream<TcpStream>) {
    let authority = TestAuthority::new();
    authority.issue("a", &["a.test"]);
    let server = server(vec![authority.source("a")]);
    let client = authority.client(&[Alpn::H2]);
    let (accepted, connected) = handshake(&server, &client, "a.test", "127.0.0.1").await;
    (accepted.unwrap(), connected.unwrap())
}

#[tokio::test]
async fn a_dropped_stream_ends_and_an_aborted_one_is_truncated() {
    let (mut server, mut client) = streams().await;
    server.write_all(b"whole").await.unwrap();
    drop(server);
    let mut read = Vec::new();
    client.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, b"whole");
    let (mut server, mut client) = streams().await;
    server.write_all(b"part").await.unwrap();
    server.flush().await.unwrap();
    server.abort();
    drop(server);
    let mut read = Vec::new();
    let error = client.read_to_end(&mut read).await.unwrap_err();
    assert_eq!(
        (error.kind(), &*read),
        (io::ErrorKind::UnexpectedEof, &b"part"[..])
    );
}

#[tokio::test]
async fn a_shut_down_side_still_reads() {
    let (mut server, mut client) = streams().await;
    server.shutdown().await.unwrap();
    let mut read = Vec::new();
    client.read_to_end(&mut read).await.unwrap();
    client.write_all(b"late").await.unwrap();
    client.shutdown().await.unwrap();
    server.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, b"late");
}

#[tokio::test]
async fn plaintext_that_was_not_read_yet_is_reported() {
    let (mut server, mut client) = streams().await;
    assert_eq!(server.server_name(), Some("a.test"));
    assert_eq!(server.alpn(), Some(Alpn::H2));
    assert_eq!(server.buffered(), 0);
    client.write_all(b"hello").await.unwrap();
    client.flush().await.unwrap();
    let mut byte = [0];
    server.read_exact(&mut byte).await.unwrap();
    assert_eq!(server.buffered(), 4);
    let mut rest = [0; 4];
    server.read_exact(&mut rest).await.unwrap();
    assert_eq!((server.buffered(), &rest), (0, b"ello"));
}

#[tokio::test]
async fn curl_is_served() {
    let Some(mut curl) = program("curl") else {
        return;
    };
    let authority = TestAuthority::new();
    authority.issue("a", &["a.test"]);
    let server = server(vec![authority.source("a")]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let running = curl
        .args(["-sS", "--http1.1", "--noproxy", "*", "--cacert"])
        .arg(authority.ca())
        .args(["--resolve", &format!("a.test:{}:127.0.0.1", address.port())])
        .arg(format!("https://a.test:{}/", address.port()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let accepted = accept(&server, &listener).await;
    let mut stream = accepted.unwrap();
    assert_eq!(stream.alpn(), Some(Alpn::Http11));
    let mut head = [0; 4096];
    let len = stream.read(&mut head).await.unwrap();
    assert!(head[..len].starts_with(b"GET / HTTP/1.1\r\n"));
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")
        .await
        .unwrap();
    stream.shutdown().await.unwrap();
    let output = tokio::task::spawn_blocking(move || running.wait_with_output());
    let output = output.await.unwrap().unwrap();
    assert_eq!(output.stdout, b"hello");
}
