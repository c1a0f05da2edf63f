//! DNS over TLS and HTTPS against a local server.

use std::sync::Arc;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

/// Answers A queries for "here.test." with one address and a TTL of 77 s, and everything else with NXDOMAIN and an
/// SOA.
fn answer(question: &[u8]) -> Vec<u8> {
    let name_end = 12 + question[12..].iter().position(|byte| *byte == 0).unwrap() + 1;
    let exists = question[12..].starts_with(b"\x04here\x04test\x00");
    let is_a = question[name_end..name_end + 2] == [0, 1];
    let mut reply = question[..2].to_vec();
    reply.extend(if exists { [0x81, 0x80] } else { [0x81, 0x83] });
    reply.extend([
        0,
        1,
        0,
        u8::from(exists && is_a),
        0,
        u8::from(!(exists && is_a)),
        0,
        0,
    ]);
    reply.extend(&question[12..name_end + 4]);
    if exists && is_a {
        reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 77, 0, 4, 192, 0, 2, 9]);
    } else {
        let soa = [[0u8; 1].as_slice(), &[0], &[0; 16], &[0, 0, 0, 33]].concat();
        reply.extend([0, 0, 6, 0, 1, 0, 0, 0, 33, 0, soa.len() as u8]);
        reply.extend(soa);
    }
    reply
}

fn credentials(alpn: &[u8]) -> (TlsAcceptor, ClientConfig) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    if !alpn.is_empty() {
        config.alpn_protocols = vec![alpn.to_vec()];
    }
    (TlsAcceptor::from(Arc::new(config)), client)
}

async fn server() -> (u16, ClientConfig) {
    let (acceptor, client) = credentials(b"");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(socket).await else {
                    return;
                };
                while let Ok(length) = stream.read_u16().await {
                    let mut question = vec![0; length.into()];
                    stream.read_exact(&mut question).await.unwrap();
                    let reply = answer(&question);
                    stream.write_u16(reply.len() as u16).await.unwrap();
                    stream.write_all(&reply).await.unwrap();
                    stream.flush().await.unwrap();
                }
            });
        }
    });
    (port, client)
}

#[tokio::test]
async fn names_are_resolved_over_tls_with_the_ttl_of_their_records() {
    let (port, tls) = server().await;
    let mut resolver = EncryptedResolver::new(Dns::Tls(format!("127.0.0.1:{port}")));
    resolver.tls = Some(tls);
    let (answer, ttl) = resolver.query("here.test".into()).await;
    assert_eq!(&*answer.unwrap(), &[IpAddr::from([192, 0, 2, 9])]);
    assert!(
        ttl > Duration::from_secs(70) && ttl <= Duration::from_secs(77),
        "{ttl:?}"
    );
    let (answer, ttl) = resolver.query("gone.test".into()).await;
    assert_eq!(answer, Err(ResolveError::NotFound("gone.test".into())));
    assert!(
        ttl > Duration::from_secs(25) && ttl <= Duration::from_secs(33),
        "{ttl:?}"
    );
}

/// RFC 8484: queries by POST over HTTP/2.
async fn https_server() -> (u16, ClientConfig) {
    let (acceptor, client) = credentials(b"h2");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let stream = acceptor.accept(socket).await.unwrap();
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.unwrap();
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    assert_eq!(request.uri().path(), "/dns-query");
                    tokio::spawn(async move {
                        let question = request.into_body().data().await.unwrap().unwrap();
                        let reply = answer(&question);
                        let head = http::Response::builder()
                            .header("content-type", "application/dns-message")
                            .header("content-length", reply.len())
                            .body(())
                            .unwrap();
                        let mut body = respond.send_response(head, false).unwrap();
                        body.send_data(reply.into(), true).unwrap();
                    });
                }
            });
        }
    });
    (port, client)
}

#[tokio::test]
async fn names_are_resolved_over_https_with_the_ttl_of_their_records() {
    let (port, tls) = https_server().await;
    let url = format!("https://127.0.0.1:{port}/dns-query");
    let mut resolver = EncryptedResolver::new(Dns::Https(url));
    resolver.tls = Some(tls);
    let (answer, ttl) = resolver.query("here.test".into()).await;
    assert_eq!(&*answer.unwrap(), &[IpAddr::from([192, 0, 2, 9])]);
    assert!(ttl > Duration::from_secs(70) && ttl <= Duration::from_secs(77));
    let (answer, _) = resolver.query("gone.test".into()).await;
    assert_eq!(answer, Err(ResolveError::NotFound("gone.test".into())));
}

/// RFC 8484 over HTTP/1.1. `sized`: responses say their length.
async fn http1_server(
    alpn: &'static [u8],
    status: &'static str,
    sized: bool,
) -> (u16, ClientConfig) {
    let (acceptor, client) = credentials(alpn);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut stream = acceptor.accept(socket).await.unwrap();
                let mut request = Vec::new();
                let question = loop {
                    // The connection that finds out which versions are spoken has no request.
                    if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                        return;
                    }
                    let text = String::from_utf8_lossy(&request);
                    let Some(at) = text.find("\r\n\r\n") else {
                        continue;
                    };
                    assert!(text.starts_with("POST /dns-query HTTP/1."), "{text}");
                    assert!(
                        text.contains(&format!("\r\nHost: 127.0.0.1:{port}\r\n")),
                        "{text}"
                    );
                    let length = text.split("Content-Length: ").nth(1).unwrap();
                    let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
                    if let Some(question) = request.get(at + 4..at + 4 + length) {
                        break question.to_vec();
                    }
                };
                let reply = answer(&question);
                let length = match sized {
                    true => format!("Content-Length: {}\r\n", reply.len()),
                    false => String::new(),
                };
                let head = format!(
                    "HTTP/1.1 {status}\r\nContent-Type: application/dns-message\r\n{length}Connection: close\r\n\r\n"
                );
                stream.write_all(head.as_bytes()).await.unwrap();
                stream.write_all(&reply).await.unwrap();
                stream.shutdown().await.unwrap();
            });
        }
    });
    (port, client)
}

#[tokio::test]
async fn servers_that_speak_only_http_1_are_asked_by_it() {
    for (alpn, sized) in [(b"http/1.1".as_slice(), true), (b"", false)] {
        let (port, tls) = http1_server(alpn, "200 OK", sized).await;
        let url = format!("https://127.0.0.1:{port}/dns-query");
        let mut resolver = EncryptedResolver::new(Dns::Https(url));
        resolver.tls = Some(tls);
        let asked = (0..50).map(|_| resolver.query("here.test".into()));
        for (answer, ttl) in futures_util::future::join_all(asked).await {
            assert_eq!(&*answer.unwrap(), &[IpAddr::from([192, 0, 2, 9])]);
            assert!(ttl > Duration::from_secs(70) && ttl <= Duration::from_secs(77));
        }
        let (answer, _) = resolver.query("gone.test".into()).await;
        assert_eq!(answer, Err(ResolveError::NotFound("gone.test".into())));
    }
}

#[tokio::test]
async fn a_page_of_an_http_server_is_no_answer() {
    let (port, tls) = http1_server(b"http/1.1", "404 Not Found", true).await;
    let mut resolver =
        EncryptedResolver::new(Dns::Https(format!("https://127.0.0.1:{port}/dns-query")));
    resolver.tls = Some(tls);
    let (answer, _) = resolver.query("here.test".into()).await;
    assert_eq!(answer, Err(ResolveError::NoAnswer("here.test".into())));
}

#[tokio::test]
async fn a_resolver_with_an_invalid_certificate_gives_no_answer() {
    let (port, _) = server().await;
    let resolver = EncryptedResolver::new(Dns::Tls(format!("127.0.0.1:{port}")));
    let (answer, _) = resolver.query("here.test".into()).await;
    assert_eq!(answer, Err(ResolveError::NoAnswer("here.test".into())));
}

#[test]
fn the_forms_of_an_encrypted_resolver_are_read() {
    let read = |dns| {
        let server = DnsServer::of(&dns).unwrap();
        (server.host.to_string(), server.port)
    };
    for (dns, host, port) in [
        (Dns::Tls("dns.test".into()), "dns.test", 853),
        (Dns::Tls("dns.test:8530".into()), "dns.test", 8530),
        (Dns::Tls("[::1]:853".into()), "::1", 853),
        (Dns::Tls("::1".into()), "::1", 853),
        (
            Dns::Https("https://192.0.2.1/dns-query".into()),
            "192.0.2.1",
            443,
        ),
        (
            Dns::Https("https://dns.test:8443/q".into()),
            "dns.test",
            8443,
        ),
    ] {
        assert_eq!(read(dns), (host.to_owned(), port));
    }
}
