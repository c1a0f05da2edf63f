//! The forward proxy: absolute-form requests and CONNECT, decided by the policy.

use privet_config::HeaderMode;
use privet_connection_log::{CloseReason, LiveConnection};
use privet_gateway::{Gateway, HttpTimeouts, RefusedClient, RequestContext, RouteDecision};
use privet_net::{Connected, HttpProxyMode};
use privet_policy::{Inspection, Listener, Protocol, Target};
use privet_scan::RequestScanner;

use super::ftp;
use super::refusal_page::{dial_failure, page_of};
use super::refused_logins::{Recorder, RefusedLogins};
use super::{
    Attempt, ConnectionInfo, DialFailure, Fetch, OwnResponse, Plan, Request, Service, Session,
};
use crate::cache::{CacheKind, CacheScope};
use crate::head::target::TargetRule;
use crate::head::{Method, RequestHead, Scheme};
use crate::headers::response::ResponseStyle;
use crate::headers::site::SiteRequest;
use crate::respond::reject;

/// The proxy behind one listener.
#[derive(Clone)]
pub struct Forward<G> {
    pub gateway: G,
    pub listener: Listener,
}

impl<G> Forward<G> {
    fn context<'a>(&self, request: &Request<'a>) -> RequestContext<'a> {
        RequestContext {
            listener: self.listener,
            client: request.connection.peer,
            local: request.connection.local,
            protocol: if request.url.is_some() {
                Protocol::Http
            } else {
                Protocol::Connect
            },
            user: request.user,
            target: request.target,
            // Filters by URL are made for HTTP.
            url: request.url.filter(|_| request.head.scheme != Scheme::Ftp),
            page: request.page,
        }
    }
}

impl<G: Gateway> Forward<G> {
    fn login_recorder(&self, connection: ConnectionInfo) -> Recorder {
        let Self { gateway, listener } = self.clone();
        Box::new(move |target, protocol, fault| {
            let refused = RefusedClient {
                listener,
                peer: connection.peer,
                local: connection.local,
                protocol,
                user: None,
            };
            refused.record_target(&gateway, target, fault);
        })
    }
}

impl Fetch for RouteDecision {
    fn pool_key(&self) -> u64 {
        self.pool_key
    }

    fn target<'a>(&'a self, requested: &'a Target) -> &'a Target {
        requested
    }

    fn header_mode(&self) -> HeaderMode {
        self.header_mode
    }

    fn site_request(&self) -> Option<SiteRequest<'_>> {
        None
    }

    fn response_style(&self) -> ResponseStyle<'_> {
        ResponseStyle::Forward(self.header_mode)
    }

    fn cache(&self) -> Option<CacheScope<'_>> {
        let access = self.cache.as_ref()?;
        Some(CacheScope {
            cache: &access.cache,
            space: "",
            scheme: "http",
            kind: access.asker.map_or(CacheKind::Shared, CacheKind::Private),
            keep_on_disk: access.keep_on_disk,
            isolates: access.isolates,
        })
    }

    fn scanner(&self) -> Option<&RequestScanner> {
        self.scanner.as_ref()
    }
}

impl<G: Gateway> Service for Forward<G> {
    const RETRIES: bool = false;

    type Fetch = RouteDecision;

    fn targets(&self) -> TargetRule {
        TargetRule::Proxy
    }

    async fn admit(
        &self,
        session: &mut Session,
        connection: ConnectionInfo,
        head: &RequestHead,
        bytes: &[u8],
    ) -> Result<(), OwnResponse> {
        if !self.gateway.requires_authentication() {
            return Ok(());
        }
        let value = head.proxy_authorization.map(|span| span.of_buffer(bytes));
        let ip = connection.peer.ip();
        match session.proxy_auth.check(&self.gateway, ip, value).await {
            Some(user) => {
                session.user = Some(user);
                if let Some(refused) = &mut session.refused_logins {
                    refused.accepted();
                }
                Ok(())
            }
            None => {
                let refused = session.refused_logins.get_or_insert_with(|| {
                    let recorder = self.login_recorder(connection);
                    Box::new(RefusedLogins::new(recorder))
                });
                refused.count(head);
                Err(Box::new(reject::authentication_required))
            }
        }
    }

    async fn plan(&self, request: &Request<'_>) -> Plan<RouteDecision> {
        if request.head.scheme == Scheme::Ftp
            && let Some(response) = ftp::refused(request)
        {
            return Plan::Respond(response);
        }
        let mut decided = self.gateway.decide(&self.context(request)).await;
        if let Ok(decision) = &mut decided
            && request.head.scheme == Scheme::Ftp
        {
            // Never on a connection that was opened for HTTP.
            decision.pool_key = !decision.pool_key;
        }
        match decided {
            Ok(decision) if request.head.method == Method::Connect => {
                let inspects = matches!(decision.treatment.inspection, Inspection::Inspect { .. });
                let inspector = inspects
                    .then(|| self.gateway.inspect(&self.context(request), &decision))
                    .flatten();
                match inspector {
                    Some(inspector) => Plan::Inspect(inspector),
                    None => Plan::Tunnel(decision),
                }
            }
            Ok(decision) => Plan::Fetch(decision),
            Err(refusal) => Plan::Respond(page_of(refusal, request.target)),
        }
    }

    async fn dial(
        &self,
        request: &Request<'_>,
        fetch: &RouteDecision,
        http_proxy: HttpProxyMode,
    ) -> Result<Connected, DialFailure> {
        let context = self.context(request);
        if request.head.scheme == Scheme::Ftp {
            let opened = ftp::open(&self.gateway, &context, fetch, request).await;
            return opened.map_err(DialFailure::from);
        }
        let dialed = self.gateway.dial(&context, fetch, http_proxy).await;
        dialed.map_err(|refusal| dial_failure(refusal, request.target))
    }

    fn is_offline(&self) -> bool {
        self.gateway.is_offline()
    }

    /// One route is decided for a request, and it is not left.
    fn next_attempt(&self, _: &mut RouteDecision) -> bool {
        false
    }

    fn attempt_ended(&self, _: &mut RouteDecision, _: Attempt) {}

    fn record(
        &self,
        request: &Request<'_>,
        fetch: &RouteDecision,
        connected: &Connected,
    ) -> LiveConnection {
        self.gateway
            .record(&self.context(request), fetch, connected)
    }

    fn record_refused(
        &self,
        request: &Request<'_>,
        fetch: &RouteDecision,
        end: CloseReason,
        error: Option<String>,
    ) {
        let context = self.context(request);
        self.gateway
            .record_refused(&context, &fetch.why, end, error);
    }

    async fn record_malformed(&self, session: &Session, connection: ConnectionInfo, error: String) {
        self.gateway.await_program().await;
        let refused = RefusedClient {
            listener: self.listener,
            peer: connection.peer,
            local: connection.local,
            protocol: Protocol::Http,
            user: session.user.as_ref(),
        };
        refused.record(&self.gateway, error);
    }

    fn failure(&self, status: u16, reason: &'static str, text: String) -> OwnResponse {
        Box::new(move |format| reject::bad_gateway(status, reason, &text, format))
    }

    fn timeouts(&self) -> HttpTimeouts {
        self.gateway.http_timeouts()
    }

    fn awaits_request(&self) {
        self.gateway.awaits_request();
    }

    fn request_begun(&self) {
        self.gateway.request_begun();
    }

    fn request_arrived(&self) {
        self.gateway.request_arrived();
    }

    fn stopping(&self) -> impl Future<Output = ()> + Send {
        self.gateway.stopping()
    }
}
