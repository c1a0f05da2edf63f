//! The SOCKS server (SOCKS4, SOCKS4a, SOCKS5): from a client's first bytes to a tunnel or a refusal.

pub mod parsed;
pub mod v4;
pub mod v5;

mod bind;
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
use std::sync::Arc;

use bytes::Bytes;
use privet_connection_log::{CloseReason, LiveConnection};
use privet_gateway::{HandshakeOutcome, Refusal, RefusedClient, RequestContext, SocksGateway};
use privet_net::{Connected, Stream};
use privet_policy::{Listener, Protocol, Target};
use tokio::time::{Instant, timeout_at};

use handshake::Handshake;
use handshake_error::HandshakeError;
use parsed::Command;
use read_buffer::ReadBuffer;
use reject::{reject, send_reply};
use reply::SocksVersion;

/// A client whose request was read.
struct SocksClient {
    stream: Stream,
    /// What it sent beyond its request.
    preread: Bytes,
    version: SocksVersion,
}

impl SocksClient {
    /// Sends the reply for a refusal and closes.
    async fn refuse(self, refusal: &Refusal, command: Command) -> HandshakeOutcome {
        let code = reply::code_for(refusal, command);
        reject(self.stream, &self.version.rejected(code)).await;
        HandshakeOutcome::Done
    }

    /// Sends the reply for success; `false`: the client is gone.
    async fn grant(&mut self, bound: Option<SocketAddr>) -> bool {
        send_reply(&mut self.stream, &self.version.granted(bound)).await
    }

    /// Sends the reply for success and becomes a tunnel.
    async fn tunnel(
        mut self,
        connected: Connected,
        live: LiveConnection,
        bound: Option<SocketAddr>,
    ) -> HandshakeOutcome {
        if !self.grant(bound).await {
            live.close(CloseReason::Broken, None);
            return HandshakeOutcome::Done;
        }
        HandshakeOutcome::Tunnel {
            client: self.stream,
            preread: self.preread,
            connected,
            live,
        }
    }
}

/// Where a client connected, and as whom.
struct ClientIdentity {
    listener: Listener,
    local: SocketAddr,
    peer: SocketAddr,
    user: Option<Arc<str>>,
}

impl ClientIdentity {
    fn context<'a>(&'a self, protocol: Protocol, target: &'a Target) -> RequestContext<'a> {
        RequestContext {
            listener: self.listener,
            client: self.peer,
            local: self.local,
            protocol,
            user: self.user.as_ref(),
            target,
            url: None,
            page: None,
        }
    }
}

/// Serves one SOCKS client whose first bytes were read. A client whose request is not complete at `deadline` is closed
/// without a reply; the dial has the dialer's own timeouts.
pub async fn serve<G: SocksGateway>(
    client: Stream,
    first: Bytes,
    deadline: Instant,
    local: SocketAddr,
    peer: SocketAddr,
    listener: Listener,
    gateway: &G,
) -> HandshakeOutcome {
    let protocol = match first.first() {
        Some(&v4::VERSION) => Protocol::Socks4,
        _ => Protocol::Socks5,
    };
    let refused = RefusedClient {
        listener,
        peer,
        local,
        protocol,
        user: None,
    };
    let mut buffer = ReadBuffer::new(client, first);
    let reading = handshake::read(&mut buffer, peer.ip(), gateway);
    let Handshake {
        version,
        request,
        user,
    } = match timeout_at(deadline, reading).await {
        Ok(Ok(handshake)) => handshake,
        Ok(Err(error)) => {
            end_without_request(buffer.into_parts().0, error, refused, gateway).await;
            return HandshakeOutcome::Done;
        }
        Err(_) => return HandshakeOutcome::Done,
    };
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

/// Records why the client's request was not taken, and sends the reply if there is one.
async fn end_without_request<G: SocksGateway>(
    client: Stream,
    error: HandshakeError,
    refused: RefusedClient<'_>,
    gateway: &G,
) {
    match error {
        HandshakeError::Rejected { reply, fault } => {
            refused.record(gateway, fault);
            reject(client, &reply).await;
        }
        HandshakeError::Invalid(error) => {
            refused.record(gateway, format!("a SOCKS message with {error}"));
        }
        HandshakeError::Closed => {}
    }
}
