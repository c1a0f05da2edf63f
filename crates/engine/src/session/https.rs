//! A client of an `https` listener: the TLS handshake, then an HTTP proxy's session in HTTP/1.1 or HTTP/2.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use privet_gateway::{Gateway, RefusedClient};
use privet_http::h2;
use privet_http::service::forward::Forward;
use privet_http::service::{ConnectionInfo, Service as _};
use privet_net::Stream;
use privet_policy::{Listener, Protocol};
use privet_tls::{Alpn, HandshakeError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

use super::tunnel::StreamTunnels;
use super::{AcceptedClient, FIRST_READ, relay_of};
use crate::accept::connection_limit::ConnectionSlot;
use crate::gateway::EngineGateway;
use crate::shared::Shared;

/// For browsers and tools whose proxy is set as `http://` by mistake.
const WANTS_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 61\r\nConnection: close\r\n\r\n\
    This proxy speaks TLS: set it as https:// instead of http://\n";
/// How long that may take to send.
const HINT: Duration = Duration::from_secs(2);

pub(crate) async fn serve(client: AcceptedClient, shared: Arc<Shared>, mut slot: ConnectionSlot) {
    let AcceptedClient {
        stream,
        peer,
        local,
        program,
        waiting,
        ..
    } = client;
    let Some(https) = shared.snapshot.load().https.clone() else {
        return;
    };
    let gateway = EngineGateway::new(shared, program, waiting.entry());
    let deadline = Instant::now() + gateway.handshake_timeout();
    if !gateway.count_connection(peer, local, &mut slot).await {
        return;
    }
    let accepting = https
        .server
        .accept(Stream::from(stream), Bytes::new(), local.ip(), deadline);
    let stream = match Box::pin(accepting).await {
        Ok(stream) => stream,
        Err(error) => return refused(error, peer, local, &gateway).await,
    };
    let info = ConnectionInfo { local, peer };
    let service = Forward {
        gateway,
        listener: Listener::Https,
    };
    let protocol = stream.alpn();
    let mut client = Stream::Boxed(Box::pin(stream));
    if protocol == Some(Alpn::H2) {
        h2::serve(client, Bytes::new(), info, service, StreamTunnels).await;
        return drop(slot);
    }
    let mut first = BytesMut::with_capacity(FIRST_READ);
    match timeout_at(deadline, client.read_buf(&mut first)).await {
        Ok(Ok(1..)) => {}
        _ => return,
    }
    let deadline = Instant::now() + service.timeouts().request_header;
    let outcome = privet_http::serve(client, &first, deadline, info, service);
    drop(first);
    if let Some(relay) = relay_of(outcome.await, slot) {
        // A task of its own, so that the memory of the handshake is freed.
        drop(tokio::spawn(relay));
    }
}

/// Records why there was no handshake. A client that only opened the connection, as port scanners do, is not recorded.
async fn refused(
    error: HandshakeError<Stream>,
    peer: SocketAddr,
    local: SocketAddr,
    gateway: &EngineGateway,
) {
    tracing::debug!(%peer, %error, "no TLS handshake");
    let fault = error.to_string();
    match error {
        HandshakeError::NotTls { mut io, received } => {
            if received.first().is_some_and(u8::is_ascii_alphabetic) {
                let hint = async {
                    io.write_all(WANTS_TLS).await?;
                    io.shutdown().await
                };
                let _ = timeout(HINT, hint).await;
            }
        }
        HandshakeError::Closed | HandshakeError::TimedOut => return,
        HandshakeError::Malformed(_)
        | HandshakeError::NoCertificate(_)
        | HandshakeError::Failed(_) => {}
    }
    let client = RefusedClient {
        listener: Listener::Https,
        peer,
        local,
        protocol: Protocol::Http,
        user: None,
    };
    client.record(gateway, fault);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_has_the_length_it_says() {
        let text = String::from_utf8(WANTS_TLS.to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())));
    }
}
