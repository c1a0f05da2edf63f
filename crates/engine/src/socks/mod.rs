//! SOCKS4, SOCKS4a and SOCKS5 as a server: from a client's first bytes to a tunnel, or to the end of what it asked.

pub mod parsed;
pub mod v4;
pub mod v5;

mod bind;
mod connect;
mod head;
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
use privet_gateway::{HandshakeOutcome, Refusal, RequestContext, SocksGateway};
use privet_net::Stream;
use privet_policy::{Listener, Protocol, Target};
use tokio::time::{Instant, timeout_at};

use head::{Head, Stop};
use parsed::Command;
use read_buffer::Inbox;
use reject::farewell;
use reply::Dialect;

/// A client whose handshake is over.
struct Caller {
    client: Stream,
    /// What it sent ahead.
    preread: Bytes,
    dialect: Dialect,
}

impl Caller {
    /// Tells the client no, and why.
    async fn refuse(self, refusal: &Refusal, command: Command) -> HandshakeOutcome {
        let code = reply::code_for(refusal, command);
        farewell(self.client, &self.dialect.rejected(code)).await;
        HandshakeOutcome::Done
    }
}

/// Who asks: where a client came in, and as whom.
struct Asker {
    listener: Listener,
    local: SocketAddr,
    peer: SocketAddr,
    user: Option<Arc<str>>,
}

impl Asker {
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

/// Serves one SOCKS client whose first bytes were read. Where the request is not whole at `deadline` the client is closed
/// without a word; the dial has the dialer's own limits.
pub async fn serve<R: SocksGateway>(
    client: Stream,
    first: Bytes,
    deadline: Instant,
    local: SocketAddr,
    peer: SocketAddr,
    listener: Listener,
    gateway: &R,
) -> HandshakeOutcome {
    let mut inbox = Inbox::new(client, first);
    let reading = head::read(&mut inbox, peer.ip(), gateway);
    let head = match timeout_at(deadline, reading).await {
        Ok(Ok(head)) => head,
        Ok(Err(Stop::Say(reply))) => {
            farewell(inbox.into_parts().0, &reply).await;
            return HandshakeOutcome::Done;
        }
        Ok(Err(Stop::Gone | Stop::Fault(_))) | Err(_) => return HandshakeOutcome::Done,
    };
    let Head {
        dialect,
        wish,
        user,
    } = head;
    let asker = Asker {
        listener,
        local,
        peer,
        user,
    };
    let (client, preread) = inbox.into_parts();
    let caller = Caller {
        client,
        preread,
        dialect,
    };
    match wish.command {
        Command::Connect => connect::connect(caller, &asker, &wish.target, gateway).await,
        // Rare and large: boxed, so that a CONNECT does not carry their room.
        Command::Bind => Box::pin(bind::bind(caller, &asker, &wish.target, gateway)).await,
        Command::Associate => {
            Box::pin(udp::associate(caller, asker, wish.target.port, gateway)).await;
            HandshakeOutcome::Done
        }
    }
}
