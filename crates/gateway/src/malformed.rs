//! Records a message that could not be read, so that a client's fault is found in the connection log.

use std::net::SocketAddr;
use std::sync::Arc;

use privet_connection_log::CloseReason;
use privet_policy::{Host, Listener, Protocol, Target, Why, WhyKind};

use crate::{Gateway, RequestContext};

/// Stands for the target, which is not known (RFC 6761 section 6.4: no such host exists).
const UNREAD_TARGET: &str = "malformed-request.invalid";

/// A client whose message was refused before its target was known.
pub struct RefusedClient<'a> {
    pub listener: Listener,
    pub peer: SocketAddr,
    pub local: SocketAddr,
    pub protocol: Protocol,
    pub user: Option<&'a Arc<str>>,
}

impl RefusedClient<'_> {
    /// Records the refusal. `fault`: what is wrong with the message.
    pub fn record<G: Gateway>(&self, gateway: &G, fault: String) {
        self.record_target(gateway, None, fault);
    }

    /// The same with the target, where that is known.
    pub fn record_target<G: Gateway>(&self, gateway: &G, target: Option<&Target>, fault: String) {
        let unread = || {
            let host = Host::parse(UNREAD_TARGET).ok()?;
            Some(Target { host, port: 0 })
        };
        let Some(target) = target.cloned().or_else(unread) else {
            return;
        };
        let context = RequestContext {
            listener: self.listener,
            client: self.peer,
            local: self.local,
            protocol: self.protocol,
            user: self.user,
            target: &target,
            url: None,
            page: None,
        };
        let why = Why {
            kind: WhyKind::Mode,
            text: "the request was not accepted".into(),
        };
        gateway.record_refused(&context, &why, CloseReason::Failed, Some(fault));
    }
}
