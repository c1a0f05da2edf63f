//! A client of an `https` listener: the TLS handshake, then an HTTP proxy's session in HTTP/1.1 or HTTP/2.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use privet_gateway::Gateway;
use privet_http::h2;
use privet_http::service::forward::Forward;
use privet_http::service::{ConnectionInfo, Service as _};
use privet_net::Stream;
use privet_policy::Listener;
use privet_tls::{Addresses, Alpn};
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, timeout_at};

use super::no_handshake::TlsListenerClient;
use super::tunnel::StreamTunnels;
use super::{AcceptedClient, FIRST_READ, relay_of};
use crate::accept::connection_limit::ConnectionSlot;
use crate::gateway::EngineGateway;
use crate::shared::Shared;

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
    let addresses = Addresses {
        local: local.ip(),
        peer: peer.ip(),
    };
    let accepting = https
        .server
        .accept(Stream::from(stream), Bytes::new(), addresses, deadline);
    let stream = match Box::pin(accepting).await {
        Ok(stream) => stream,
        Err(error) => {
            let client = TlsListenerClient {
                listener: Listener::Https,
                peer,
                local,
            };
            return client.refuse(error, &gateway).await;
        }
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
