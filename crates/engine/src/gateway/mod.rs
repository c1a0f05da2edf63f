//! The gateway behind every handshake: decide, dial, book.

pub(crate) mod authenticate;
pub(crate) mod authorize;
pub(crate) mod current_policy;
pub(crate) mod programs;
mod socks;

use privet_net::HttpProxyMode;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use privet_connection_log::{CloseReason, LiveConnection, NewConnection};
use privet_gateway::{Gateway, Refusal, RequestContext, RouteDecision};
use privet_net::{Connected, DialError, DialRequest};
use privet_policy::{App, Why};

use crate::gateway::authorize::{Decided, decision_facts, judge};
use crate::shared::Shared;
use crate::snapshot::Snapshot;

/// [`Gateway`] as the engine paves it.
#[derive(Clone)]
pub(crate) struct EngineGateway(pub(crate) Arc<Shared>);

/// A blocked or failed row has no way.
fn no_route() -> Arc<str> {
    thread_local!(static NONE: Arc<str> = Arc::from("–"));
    NONE.with(Arc::clone)
}

impl Gateway for EngineGateway {
    fn policy_generation(&self) -> u64 {
        self.0.snapshot.load().generation
    }

    fn requires_authentication(&self) -> bool {
        !self.0.snapshot.load().users.is_empty()
    }

    async fn authenticate(&self, client: IpAddr, name: &[u8], password: &[u8]) -> Option<Arc<str>> {
        let wait = self.0.failures.wait(client, Instant::now());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        let user = self.0.snapshot.load().users.check(name, password);
        match user {
            Some(_) => self.0.failures.succeeded(client),
            None => self.0.failures.failed(client, Instant::now()),
        }
        user
    }

    async fn decide(&self, context: &RequestContext<'_>) -> Result<RouteDecision, Refusal> {
        let ready = {
            let snapshot = self.0.snapshot.load();
            (!snapshot.asks_ahead).then(|| {
                (
                    judge(&snapshot, context, None, &[]),
                    decision_facts(&snapshot),
                )
            })
        };
        let (decided, facts) = match ready {
            Some((verdict, facts)) => (
                Decided {
                    verdict,
                    app: None,
                    addresses: Vec::new(),
                },
                facts,
            ),
            None => {
                let snapshot = self.0.snapshot.load_full();
                (
                    self.look_and_judge(&snapshot, context).await,
                    decision_facts(&snapshot),
                )
            }
        };
        self.decision(context, decided, facts)
    }

    async fn dial(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
        http_proxy: HttpProxyMode,
    ) -> Result<Connected, Refusal> {
        loop {
            let (snapshot, decision) = self.in_force(context, decision).await?;
            let dial_request = dial_request(&snapshot, context, &decision, http_proxy);
            let dialing = snapshot.dialer.dial(&decision.route, &dial_request);
            if let Some(connected) = self.while_in_force(&snapshot, dialing).await {
                return connected.map_err(|error| self.failed(context, &decision, error));
            }
        }
    }

    fn record(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
        connected: &Connected,
    ) -> LiveConnection {
        let opening = opening(
            context,
            decision.app.clone(),
            &decision.why,
            connected.route.clone(),
        );
        let live = self.0.connection_log.open(opening);
        live.set_phases(
            connected.timings.dns,
            connected.timings.connect,
            connected.timings.tls,
        );
        if let Some(remote) = connected.remote {
            live.set_remote(remote);
        }
        if decision.app.is_none() {
            self.0.programs.find_for(live.row(), context);
        }
        self.leave_if_forbidden(&live, decision);
        live
    }

    fn record_refused(
        &self,
        context: &RequestContext<'_>,
        why: &Why,
        end: CloseReason,
        error: Option<String>,
    ) {
        self.record_refusal(context, None, why, end, error);
    }

    fn handshake_timeout(&self) -> Duration {
        self.0
            .snapshot
            .load()
            .config
            .listen
            .limits
            .handshake_timeout
    }

    fn idle_timeout(&self) -> Duration {
        self.0.snapshot.load().config.listen.limits.idle_timeout
    }
}

impl EngineGateway {
    pub(crate) fn failed(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
        error: DialError,
    ) -> Refusal {
        let said = Some(error.text.clone());
        self.record_refusal(
            context,
            decision.app.clone(),
            &decision.why,
            CloseReason::Failed,
            said,
        );
        Refusal::Failed(error)
    }

    pub(crate) fn record_refusal(
        &self,
        context: &RequestContext<'_>,
        app: Option<Arc<App>>,
        why: &Why,
        end: CloseReason,
        error: Option<String>,
    ) {
        self.0
            .connection_log
            .record_refused(opening(context, app, why, no_route()), end, error);
    }
}

/// What was decided, as the dialer wants it.
pub(crate) fn dial_request<'a>(
    snapshot: &'a Snapshot,
    context: &RequestContext<'a>,
    decision: &'a RouteDecision,
    http_proxy: HttpProxyMode,
) -> DialRequest<'a> {
    DialRequest {
        target: context.target,
        addresses: &decision.addresses,
        dns: &snapshot.policy.mode().dns,
        app: decision.app.as_deref(),
        client: context.client,
        http_proxy,
    }
}

pub(crate) fn opening(
    context: &RequestContext<'_>,
    app: Option<Arc<App>>,
    why: &Why,
    route: Arc<str>,
) -> NewConnection {
    NewConnection {
        listener: context.listener,
        client: context.client,
        protocol: context.protocol,
        user: context.user.cloned(),
        app,
        target: context.target.clone(),
        route,
        why: why.clone(),
    }
}
