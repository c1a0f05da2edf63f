//! The SOCKS server (SOCKS4, SOCKS4a, SOCKS5): from a client's first bytes to a tunnel or a refusal.

pub mod parsed;
pub mod v4;
pub mod v5;

mod bind;
mod client;
mod connect;
mod handshake;
mod handshake_error;
mod read_buffer;
mod recheck;
mod reject;
mod reply;
pub mod udp;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::pin::pin;

use bytes::BytesMut;
use privet_gateway::{HandshakeOutcome, RefusedClient, SocksGateway};
use privet_net::Stream;
use privet_policy::{Listener, Protocol};
use tokio::time::{Instant, timeout_at};

use client::{ClientIdentity, SocksClient};
use handshake::Handshake;
use handshake_error::HandshakeError;
use parsed::Command;
use read_buffer::ReadBuffer;
use reject::reject;

/// Serves one SOCKS client whose first bytes were read. A client whose request is not complete at `deadline` is closed
/// without a reply; the dial has the dialer's own timeouts.
pub async fn serve<G: SocksGateway>(
    client: Stream,
    first: BytesMut,
    deadline: Instant,
    local: SocketAddr,
    peer: SocketAddr,
    listener: Listener,
    gateway: &G,
) -> HandshakeOutcome {
    let refused = RefusedClient {
        listener,
        peer,
        local,
        protocol: protocol_of(&first),
        user: None,
    };
    gateway.request_begun();
    let mut buffer = ReadBuffer::new(client, first);
    let read = {
        let reading = pin!(handshake::read(&mut buffer, peer.ip(), gateway));
        timeout_at(deadline, reading).await
    };
    let Handshake {
        version,
        request,
        user,
    } = match read {
        Ok(Ok(handshake)) => handshake,
        Ok(Err(error)) => {
            end_without_request(buffer.into_parts().0, error, refused, gateway).await;
            return HandshakeOutcome::Done;
        }
        Err(_) => return HandshakeOutcome::Done,
    };
    gateway.request_arrived();
    let identity = ClientIdentity {
        listener,
        local,
        peer,
        user,
    };
    let (stream, preread) = buffer.into_parts();
    let client = SocksClient {
        stream,
        preread,
        version,
    };
    let context = identity.context(version.protocol(), &request.target);
    match request.command {
        Command::Connect => connect::connect(client, &context, gateway).await,
        // Rare and large: boxed, so that a CONNECT does not carry their size.
        Command::Bind => Box::pin(bind::bind(client, &context, gateway)).await,
        Command::Associate => {
            Box::pin(udp::associate(client, identity, &request.target, gateway)).await;
            HandshakeOutcome::Done
        }
    }
}

fn protocol_of(first: &[u8]) -> Protocol {
    match first.first() {
        Some(&v4::VERSION) => Protocol::Socks4,
        _ => Protocol::Socks5,
    }
}

/// Records why the client's request was not taken, and sends the reply if there is one.
async fn end_without_request<G: SocksGateway>(
    client: Stream,
    error: HandshakeError,
    refused: RefusedClient<'_>,
    gateway: &G,
) {
    match error {
        HandshakeError::Rejected { reply, fault } => {
            gateway.await_program().await;
            refused.record(gateway, fault);
            reject(client, &reply).await;
        }
        HandshakeError::Invalid(error) => {
            gateway.await_program().await;
            refused.record(gateway, format!("a SOCKS message with {error}"));
        }
        HandshakeError::Closed => {}
    }
}
