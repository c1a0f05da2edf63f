//! A gateway for tests: the real dialer behind decisions that a test sets.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use privet_config::{Config, Dns, HeaderMode};
use privet_connection_log::{CloseReason, ConnectionLog, LiveConnection, NewConnection, Settings};
use privet_gateway::{Gateway, HttpTimeouts, Refusal, RequestContext, RouteDecision, SocksGateway};
use privet_net::bind::BindListener;
use privet_net::udp::UpstreamUdp;
use privet_net::{
    Connected, DialError, DialErrorKind, DialRequest, Dialer, HttpProxyMode, OwnListeners,
};
use privet_policy::{
    DirectPermit, Outbound, OwnEndpoints, Policy, Protocol, Route, Target, Why, WhyKind,
};

/// One request as recorded by the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRequest {
    pub protocol: Protocol,
    pub user: Option<String>,
    pub target: String,
}

#[derive(Debug, Clone, Copy)]
pub enum Outcome {
    Block,
    Fail(DialErrorKind),
}

/// How a gateway behaves; the default lets everybody in and everything go direct.
pub struct Plan {
    pub user: Option<(&'static str, &'static str)>,
    /// What happens to a target ("host:port") instead of the dial.
    pub outcomes: HashMap<String, Outcome>,
    pub handshake_timeout: Duration,
    /// Go through this upstream ("socks5://…") instead of direct.
    pub upstream: Option<String>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            user: None,
            outcomes: HashMap::new(),
            handshake_timeout: Duration::from_secs(10),
            upstream: None,
        }
    }
}

pub struct Inner {
    plan: Plan,
    outcomes: Mutex<HashMap<String, Outcome>>,
    generation: AtomicU64,
    route: Route,
    dialer: Dialer,
    pub connection_log: ConnectionLog,
    pub seen_requests: Mutex<Vec<SeenRequest>>,
    pub refused: Mutex<Vec<(String, CloseReason)>>,
}

#[derive(Clone)]
pub struct FakeGateway(pub Arc<Inner>);

impl FakeGateway {
    pub fn new(plan: Plan) -> Self {
        let upstream = plan
            .upstream
            .as_ref()
            .map(|url| format!("[[upstream]]\nname = \"up\"\nurl = \"{url}\"\n"));
        let text = format!("mode = \"standard\"\n{}", upstream.unwrap_or_default());
        let config = Config::parse(&text, Path::new("/")).unwrap().config;
        let policy = Policy::compile(&config, &[], OwnEndpoints::default()).unwrap();
        let route = match plan.upstream {
            None => Route::Direct(policy.permit().unwrap()),
            Some(_) => Route::Via {
                outbound: Outbound(0),
                fallback: None,
            },
        };
        let dialer = Dialer::build(&config, &|_| Ok(None), OwnListeners::default(), None).unwrap();
        Self(Arc::new(Inner {
            outcomes: Mutex::new(plan.outcomes.clone()),
            generation: AtomicU64::new(1),
            plan,
            route,
            dialer,
            connection_log: ConnectionLog::start(Settings::default()),
            seen_requests: Mutex::default(),
            refused: Mutex::default(),
        }))
    }

    /// Makes another policy current, as a reload does.
    pub fn reload(&self, outcomes: HashMap<String, Outcome>) {
        *self.0.outcomes.lock().unwrap() = outcomes;
        self.0.generation.fetch_add(1, Ordering::SeqCst);
    }

    fn outcome(&self, target: &Target) -> Option<Outcome> {
        self.0
            .outcomes
            .lock()
            .unwrap()
            .get(&target.to_string())
            .copied()
    }

    fn dial_request<'a>(&self, context: &RequestContext<'a>) -> DialRequest<'a> {
        DialRequest {
            resolve_permit: None,
            judge: &privet_net::AnyAddress,
            lookup_client: &privet_net::ClientKey::ENGINE,
            target: context.target,
            addresses: &[],
            dns: &Dns::System,
            app: None,
            client: context.client,
            http_proxy: HttpProxyMode::Connect,
        }
    }

    fn fail(&self, context: &RequestContext<'_>, error: DialError) -> Refusal {
        self.note(context.target, CloseReason::Failed);
        Refusal::Failed(error)
    }

    fn note(&self, target: &Target, end: CloseReason) {
        let mut refused = self.0.refused.lock().unwrap();
        refused.push((target.to_string(), end));
    }

    fn row(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
        route: Arc<str>,
    ) -> LiveConnection {
        self.0.connection_log.open(NewConnection {
            listener: context.listener,
            client: context.client,
            protocol: context.protocol,
            user: context.user.cloned(),
            app: None,
            target: context.target.clone(),
            route,
            why: decision.why.clone(),
        })
    }
}

fn why() -> Why {
    Why {
        kind: WhyKind::Mode,
        text: "the test says so".into(),
    }
}

impl Gateway for FakeGateway {
    fn policy_generation(&self) -> u64 {
        self.0.generation.load(Ordering::SeqCst)
    }

    fn requires_authentication(&self) -> bool {
        self.0.plan.user.is_some()
    }

    async fn authenticate(
        &self,
        _client: IpAddr,
        name: &[u8],
        password: &[u8],
    ) -> Option<Arc<str>> {
        let (known, secret) = self.0.plan.user?;
        (name == known.as_bytes() && password == secret.as_bytes()).then(|| known.into())
    }

    async fn decide(&self, context: &RequestContext<'_>) -> Result<RouteDecision, Refusal> {
        self.0.seen_requests.lock().unwrap().push(SeenRequest {
            protocol: context.protocol,
            user: context.user.map(|user| user.to_string()),
            target: context.target.to_string(),
        });
        if let Some(Outcome::Block) = self.outcome(context.target) {
            self.note(context.target, CloseReason::Blocked);
            return Err(Refusal::Blocked(why()));
        }
        Ok(RouteDecision {
            policy_generation: 0,
            route: self.0.route.clone(),
            pool_key: 1,
            why: why(),
            treatment: privet_policy::Treatment::default(),
            header_mode: HeaderMode::Untouched,
            app: None,
            addresses: Vec::new(),
            cache: None,
            scanner: None,
        })
    }

    async fn dial(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
        _: HttpProxyMode,
    ) -> Result<Connected, Refusal> {
        if let Some(Outcome::Fail(kind)) = self.outcome(context.target) {
            return Err(self.fail(context, DialError::here(kind, "as planned")));
        }
        let connected = self
            .0
            .dialer
            .dial(&decision.route, &self.dial_request(context))
            .await;
        connected.map_err(|error| self.fail(context, error))
    }

    async fn dial_address(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
        _: IpAddr,
    ) -> Result<Connected, Refusal> {
        self.dial(context, decision, HttpProxyMode::Connect).await
    }

    fn record(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
        connected: &Connected,
    ) -> LiveConnection {
        self.row(context, decision, connected.route.clone())
    }

    fn record_refused(
        &self,
        context: &RequestContext<'_>,
        _: &Why,
        end: CloseReason,
        _: Option<String>,
    ) {
        self.note(context.target, end);
    }

    fn handshake_timeout(&self) -> Duration {
        self.0.plan.handshake_timeout
    }

    fn http_timeouts(&self) -> HttpTimeouts {
        let idle = self.idle_timeout();
        HttpTimeouts {
            request_header: idle,
            request_body: idle,
            response_header: idle,
            idle,
        }
    }

    fn idle_timeout(&self) -> Duration {
        Duration::from_secs(3600)
    }
}

impl SocksGateway for FakeGateway {
    async fn bind(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
    ) -> Result<BindListener, Refusal> {
        let near = context.local.ip();
        let bound = self
            .0
            .dialer
            .bind(&decision.route, &self.dial_request(context), near)
            .await;
        bound.map_err(|error| self.fail(context, error))
    }

    async fn resolve(
        &self,
        context: &RequestContext<'_>,
        _: &RouteDecision,
        permit: &DirectPermit,
    ) -> Result<Vec<SocketAddr>, Refusal> {
        let found = self
            .0
            .dialer
            .datagram_addresses(permit, &self.dial_request(context))
            .await;
        found.map_err(|error| self.fail(context, error))
    }

    async fn associate(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
    ) -> Result<UpstreamUdp, Refusal> {
        let opened = self
            .0
            .dialer
            .associate(&decision.route, &self.dial_request(context))
            .await;
        opened.map_err(|error| self.fail(context, error))
    }

    async fn free_descriptors(&self) -> bool {
        false
    }

    fn association_key(&self, _: &RequestContext<'_>, decision: &RouteDecision) -> u64 {
        decision.pool_key
    }

    fn record_datagrams(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
        route: Option<&Arc<str>>,
        _: Option<SocketAddr>,
    ) -> LiveConnection {
        let route = route.cloned().unwrap_or_else(|| "direct".into());
        self.row(context, decision, route)
    }
}
