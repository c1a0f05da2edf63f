//! Requests inside an inspected tunnel: each is decided by the policy with its URL, and goes to the tunnel's target.

mod fault_page;
mod inspected_fetch;
mod origins;
mod tunnel;

use std::sync::Arc;

use privet_connection_log::{CloseReason, LiveConnection};
use privet_gateway::{Gateway, HttpTimeouts, RefusedClient, RequestContext};
use privet_net::{Connected, HttpProxyMode};
use privet_policy::Inspection;

use super::refusal_page::{dial_failure, page_of};
use super::{
    Attempt, ConnectionInfo, DialFailure, OriginProtocol, OwnResponse, Plan, Request, Service,
    Session,
};
use crate::head::RequestHead;
use crate::head::target::TargetRule;
use crate::respond::reject;
pub use inspected_fetch::InspectedFetch;
pub use origins::{OriginCheck, Origins};
pub use tunnel::{AsksForCertificate, InspectedTunnel, TunnelContext};

/// Keeps connections over TLS apart from plain ones to the same target.
const TLS_KEY: u64 = 0x9e37_79b9_7f4a_7c15;

/// The requests of one inspected tunnel. `TLS`: they came over TLS.
pub struct Inspected<G, const TLS: bool>(Arc<InspectedTunnel<G>>);

impl<G, const TLS: bool> Inspected<G, TLS> {
    pub fn new(tunnel: InspectedTunnel<G>) -> Self {
        Self(Arc::new(tunnel))
    }
}

impl<G, const TLS: bool> Clone for Inspected<G, TLS> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<G, const TLS: bool> Inspected<G, TLS> {
    fn context<'a>(&'a self, request: &Request<'a>) -> RequestContext<'a>
    where
        G: Gateway,
    {
        RequestContext {
            url: request.url,
            page: request.page,
            ..self.0.tunnel.context()
        }
    }
}

impl<G: Gateway, const TLS: bool> Service for Inspected<G, TLS> {
    const RETRIES: bool = false;

    type Fetch = InspectedFetch;

    fn targets(&self) -> TargetRule {
        match TLS {
            true => TargetRule::TlsOrigin,
            false => TargetRule::Origin,
        }
    }

    /// The tunnel's client was admitted already.
    async fn admit(
        &self,
        session: &mut Session,
        _: ConnectionInfo,
        _: &RequestHead,
        _: &[u8],
    ) -> Result<(), OwnResponse> {
        if session.user.is_none() {
            session.user.clone_from(&self.0.tunnel.user);
        }
        Ok(())
    }

    async fn plan(&self, request: &Request<'_>) -> Plan<InspectedFetch> {
        let tunnel = &self.0.tunnel;
        if *request.target != tunnel.target {
            let text = format!(
                "This connection leads to {}; {} has to be asked for by another one.",
                tunnel.target, request.target
            );
            return Plan::Respond(misdirected(text));
        }
        let protocol = match self.0.protocol() {
            Ok(_) if request.head.upgrades => OriginProtocol::Http1,
            Ok(protocol) => protocol,
            Err(page) => return Plan::Respond(page),
        };
        let decision = match self.0.gateway.decide(&self.context(request)).await {
            Ok(decision) => decision,
            Err(refusal) => return Plan::Respond(page_of(refusal, request.target)),
        };
        if !matches!(decision.treatment.inspection, Inspection::Inspect { .. }) {
            let text = format!("{} is not inspected any more: try again.", tunnel.target);
            return Plan::Respond(misdirected(text));
        }
        Plan::Fetch(InspectedFetch {
            pool_key: match TLS {
                true => decision.pool_key ^ TLS_KEY,
                false => decision.pool_key,
            },
            decision,
            protocol,
            scheme: if TLS { "https" } else { "http" },
        })
    }

    async fn dial(
        &self,
        request: &Request<'_>,
        fetch: &InspectedFetch,
        _: HttpProxyMode,
    ) -> Result<Connected, DialFailure> {
        if let Some(ready) = self.0.take_ready(fetch) {
            return Ok(ready);
        }
        let context = self.context(request);
        let dialing = self
            .0
            .gateway
            .dial(&context, &fetch.decision, HttpProxyMode::Connect);
        match dialing.await {
            Ok(connected) => {
                let secured = self.0.secure(connected, fetch).await;
                secured.map_err(DialFailure::from)
            }
            Err(refusal) => Err(dial_failure(refusal, request.target)),
        }
    }

    /// One route is decided for a request, and it is not left.
    fn next_attempt(&self, _: &mut InspectedFetch) -> bool {
        false
    }

    fn attempt_ended(&self, _: &mut InspectedFetch, _: Attempt) {}

    fn record(
        &self,
        request: &Request<'_>,
        fetch: &InspectedFetch,
        connected: &Connected,
    ) -> LiveConnection {
        let context = self.context(request);
        self.0.gateway.record(&context, &fetch.decision, connected)
    }

    fn record_refused(
        &self,
        request: &Request<'_>,
        fetch: &InspectedFetch,
        end: CloseReason,
        error: Option<String>,
    ) {
        let context = self.context(request);
        let why = &fetch.decision.why;
        self.0.gateway.record_refused(&context, why, end, error);
    }

    async fn record_malformed(&self, _: &Session, connection: ConnectionInfo, error: String) {
        self.0.gateway.await_program().await;
        let tunnel = &self.0.tunnel;
        let refused = RefusedClient {
            listener: tunnel.listener,
            peer: connection.peer,
            local: connection.local,
            protocol: tunnel.protocol,
            user: tunnel.user.as_ref(),
        };
        refused.record_target(&self.0.gateway, Some(&tunnel.target), error);
    }

    fn failure(&self, status: u16, reason: &'static str, text: String) -> OwnResponse {
        Box::new(move |format| reject::bad_gateway(status, reason, &text, format))
    }

    fn timeouts(&self) -> HttpTimeouts {
        self.0.gateway.http_timeouts()
    }

    fn awaits_request(&self) {
        self.0.gateway.awaits_request();
    }

    fn request_begun(&self) {
        self.0.gateway.request_begun();
    }

    fn request_arrived(&self) {
        self.0.gateway.request_arrived();
    }

    fn stopping(&self) -> impl Future<Output = ()> + Send {
        self.0.gateway.stopping()
    }
}

/// 421 (RFC 9110, section 15.5.20): the client may send the request again on another connection.
fn misdirected(text: String) -> OwnResponse {
    Box::new(move |format| reject::bad_gateway(421, "misdirected", &text, format))
}
