//! Requests inside an inspected tunnel: each is decided by the policy with its URL, and goes to the tunnel's target.

mod fault_page;
mod origins;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use privet_config::HeaderMode;
use privet_connection_log::{CloseReason, LiveConnection};
use privet_gateway::{Gateway, HttpTimeouts, RefusedClient, RequestContext, RouteDecision};
use privet_net::{Connected, HttpProxyMode};
use privet_policy::{Inspection, Listener, Protocol, Target};
use privet_scan::Scanner;
use privet_tls::Alpn;
use privet_tls::inspection::OriginError;

use super::refusal_page::page_of;
use super::{
    Attempt, ConnectionInfo, Fetch, OriginProtocol, OwnResponse, Plan, Request, Service, Session,
};
use crate::cache::CacheScope;
use crate::head::RequestHead;
use crate::head::target::TargetRule;
use crate::headers::response::ResponseStyle;
use crate::headers::site::SiteRequest;
use crate::respond::reject;
use fault_page::OriginFault;
pub use origins::{Judgement, Origins};

/// Keeps connections over TLS apart from plain ones to the same target.
const TLS_KEY: u64 = 0x9e37_79b9_7f4a_7c15;

/// Who opened a tunnel, and where it leads.
#[derive(Clone)]
pub struct TunnelContext {
    pub listener: Listener,
    pub client: SocketAddr,
    pub local: SocketAddr,
    pub protocol: Protocol,
    pub user: Option<Arc<str>>,
    pub target: Target,
}

impl TunnelContext {
    pub fn of(context: &RequestContext<'_>) -> Self {
        Self {
            listener: context.listener,
            client: context.client,
            local: context.local,
            protocol: context.protocol,
            user: context.user.cloned(),
            target: context.target.clone(),
        }
    }

    /// The tunnel as a whole.
    pub fn context(&self) -> RequestContext<'_> {
        RequestContext {
            listener: self.listener,
            client: self.client,
            local: self.local,
            protocol: self.protocol,
            user: self.user.as_ref(),
            target: &self.target,
            url: None,
            page: None,
        }
    }
}

/// An inspected tunnel. Requests are decided with the protocol of the tunnel, so that the rules that chose its route hold.
pub struct InspectedTunnel<G> {
    pub gateway: G,
    pub tunnel: TunnelContext,
    /// `None`: what passes is plain HTTP.
    origins: Option<Arc<Origins>>,
    origin: Mutex<Origin>,
}

/// What is known of the tunnel's target.
enum Origin {
    Good {
        protocol: OriginProtocol,
        /// The connection by which the certificate was judged, for the first request.
        ready: Option<Box<Ready>>,
    },
    Bad(OriginFault),
}

struct Ready {
    connected: Connected,
    policy_generation: u64,
}

/// The origin asks for a certificate of the client: the tunnel passes untouched.
#[derive(Debug, Clone, Copy)]
pub struct AsksForCertificate;

impl<G: Gateway> InspectedTunnel<G> {
    /// A tunnel with plain HTTP in it.
    pub fn plain(gateway: G, tunnel: TunnelContext) -> Self {
        Self {
            gateway,
            tunnel,
            origins: None,
            origin: Mutex::new(Origin::Good {
                protocol: OriginProtocol::Http1,
                ready: None,
            }),
        }
    }

    /// Judges the target's certificate before the client is shown ours: from memory, or by a connection. What is wrong is what
    /// every request is answered with.
    ///
    /// # Errors
    /// The target asks for a certificate of the client, and nothing demands inspection.
    pub async fn reach(
        gateway: G,
        tunnel: TunnelContext,
        decision: &RouteDecision,
        origins: Arc<Origins>,
    ) -> Result<Self, AsksForCertificate> {
        let origin = match origins.judgement(decision.pool_key, &tunnel.target) {
            Some(Judgement::Good(protocol)) => Origin::Good {
                protocol,
                ready: None,
            },
            Some(Judgement::Bad(faults)) => Origin::Bad(OriginFault::Certificate(faults)),
            None => judge(&gateway, &tunnel, decision, &origins).await?,
        };
        if let Origin::Bad(fault) = &origin
            && let Some(text) = fault.record(&tunnel.target)
        {
            let (context, why) = (tunnel.context(), &decision.why);
            gateway.record_refused(&context, why, CloseReason::Failed, Some(text));
        }
        Ok(Self {
            gateway,
            tunnel,
            origins: Some(origins),
            origin: Mutex::new(origin),
        })
    }

    /// Whether the certificate is not acceptable, or the target not reachable.
    pub fn is_refused(&self) -> bool {
        matches!(*self.origin(), Origin::Bad(_))
    }

    fn origin(&self) -> MutexGuard<'_, Origin> {
        self.origin.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The protocol of the target, or what keeps requests from it.
    fn protocol(&self) -> Result<OriginProtocol, OwnResponse> {
        match &*self.origin() {
            Origin::Good { protocol, .. } => Ok(*protocol),
            Origin::Bad(fault) => Err(fault.page(&self.tunnel.target)),
        }
    }

    fn take_ready(&self, fetch: &InspectedFetch) -> Option<Connected> {
        let Origin::Good { protocol, ready } = &mut *self.origin() else {
            return None;
        };
        if fetch.protocol != *protocol {
            return None;
        }
        let ready = ready.take()?;
        (ready.policy_generation == fetch.decision.policy_generation).then_some(ready.connected)
    }

    /// TLS on a new connection to the target.
    async fn secure(
        &self,
        connected: Connected,
        fetch: &InspectedFetch,
    ) -> Result<Connected, OwnResponse> {
        let Some(origins) = &self.origins else {
            return Ok(connected);
        };
        let target = &self.tunnel.target;
        let alpn: &[Alpn] = match fetch.protocol {
            OriginProtocol::Http2 => &[Alpn::H2, Alpn::Http11],
            OriginProtocol::Http1 => &[Alpn::Http11],
        };
        let key = fetch.decision.pool_key;
        match origins.connect(key, target, connected, alpn).await {
            Ok((connected, protocol)) if protocol == fetch.protocol => Ok(connected),
            Ok((_, protocol)) => {
                *self.origin() = Origin::Good {
                    protocol,
                    ready: None,
                };
                let text = "the server speaks another version of HTTP than before; try again";
                let text = text.to_owned();
                Err(Box::new(move |format| {
                    reject::bad_gateway(503, "try again", &text, format)
                }))
            }
            Err(error) => {
                let fault = OriginFault::from(error);
                let page = fault.page(target);
                if matches!(fault, OriginFault::Certificate(_)) {
                    *self.origin() = Origin::Bad(fault);
                }
                Err(page)
            }
        }
    }
}

/// Dials the target and runs the handshake.
async fn judge<G: Gateway>(
    gateway: &G,
    tunnel: &TunnelContext,
    decision: &RouteDecision,
    origins: &Origins,
) -> Result<Origin, AsksForCertificate> {
    let context = tunnel.context();
    let connected = match gateway
        .dial(&context, decision, HttpProxyMode::Connect)
        .await
    {
        Ok(connected) => connected,
        Err(refusal) => return Ok(Origin::Bad(OriginFault::Unreachable(Arc::new(refusal)))),
    };
    let alpn = [Alpn::H2, Alpn::Http11];
    let key = decision.pool_key;
    let demanded = Inspection::Inspect { demanded: true };
    match origins.connect(key, &tunnel.target, connected, &alpn).await {
        Ok((connected, protocol)) => Ok(Origin::Good {
            protocol,
            ready: Some(Box::new(Ready {
                connected,
                policy_generation: decision.policy_generation,
            })),
        }),
        Err(OriginError::AsksForCertificate) if decision.treatment.inspection != demanded => {
            Err(AsksForCertificate)
        }
        Err(error) => Ok(Origin::Bad(error.into())),
    }
}

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

/// Where a request of an inspected tunnel goes.
pub struct InspectedFetch {
    decision: RouteDecision,
    protocol: OriginProtocol,
    pool_key: u64,
    scheme: &'static str,
}

impl Fetch for InspectedFetch {
    fn pool_key(&self) -> u64 {
        self.pool_key
    }

    fn target<'a>(&'a self, requested: &'a Target) -> &'a Target {
        requested
    }

    fn header_mode(&self) -> HeaderMode {
        self.decision.header_mode
    }

    fn protocol(&self) -> OriginProtocol {
        self.protocol
    }

    fn site_request(&self) -> Option<SiteRequest<'_>> {
        None
    }

    fn response_style(&self) -> ResponseStyle<'_> {
        self.decision.response_style()
    }

    fn scanner(&self) -> Option<&Arc<Scanner>> {
        self.decision.scanner()
    }

    fn cache(&self) -> Option<CacheScope<'_>> {
        let scope = self.decision.cache()?;
        Some(CacheScope {
            scheme: self.scheme,
            ..scope
        })
    }
}

impl<G: Gateway, const TLS: bool> Service for Inspected<G, TLS> {
    const TARGETS: TargetRule = match TLS {
        true => TargetRule::TlsOrigin,
        false => TargetRule::Origin,
    };

    const RETRIES: bool = false;

    type Fetch = InspectedFetch;

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
    ) -> Result<Connected, OwnResponse> {
        if let Some(ready) = self.0.take_ready(fetch) {
            return Ok(ready);
        }
        let context = self.context(request);
        let dialing = self
            .0
            .gateway
            .dial(&context, &fetch.decision, HttpProxyMode::Connect);
        match dialing.await {
            Ok(connected) => self.0.secure(connected, fetch).await,
            Err(refusal) => Err(page_of(refusal, request.target)),
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
