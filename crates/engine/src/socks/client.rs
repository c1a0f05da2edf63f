//! The client of one SOCKS connection: its stream, and where it connected as whom.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use privet_connection_log::{CloseReason, LiveConnection};
use privet_gateway::{HandshakeOutcome, Refusal, RequestContext, TunnelInspector};
use privet_net::{Connected, Stream};
use privet_policy::{Listener, Protocol, Target};

use super::parsed::Command;
use super::reject::{reject, send_reply};
use super::reply::{self, SocksVersion};

/// A client whose request was read.
pub(super) struct SocksClient {
    pub(super) stream: Stream,
    /// What it sent beyond its request.
    pub(super) preread: Bytes,
    pub(super) version: SocksVersion,
}

impl SocksClient {
    /// Sends the reply for a refusal and closes.
    pub(super) async fn refuse(self, refusal: &Refusal, command: Command) -> HandshakeOutcome {
        let code = reply::code_for(refusal, command);
        reject(self.stream, &self.version.rejected(code)).await;
        HandshakeOutcome::Done
    }

    /// Sends the reply for success; `false`: the client is gone.
    pub(super) async fn grant(&mut self, bound: Option<SocketAddr>) -> bool {
        send_reply(&mut self.stream, &self.version.granted(bound)).await
    }

    /// Sends the reply for success and becomes a tunnel whose content is inspected. No socket is bound yet.
    pub(super) async fn inspect(mut self, inspector: TunnelInspector) -> HandshakeOutcome {
        match self.grant(None).await {
            true => HandshakeOutcome::Inspect {
                client: self.stream,
                preread: self.preread,
                inspector,
            },
            false => HandshakeOutcome::Done,
        }
    }

    /// Sends the reply for success and becomes a tunnel.
    pub(super) async fn tunnel(
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
pub(super) struct ClientIdentity {
    pub(super) listener: Listener,
    pub(super) local: SocketAddr,
    pub(super) peer: SocketAddr,
    pub(super) user: Option<Arc<str>>,
}

impl ClientIdentity {
    pub(super) fn context<'a>(
        &'a self,
        protocol: Protocol,
        target: &'a Target,
    ) -> RequestContext<'a> {
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
