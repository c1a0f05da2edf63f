//! What the engine does for every handshake: authenticate, decide, dial, record.

pub(crate) mod authenticate;
mod authorize;
mod cache_access;
mod client;
mod current_policy;
mod engine_gateway;
mod exceptions;
mod late_addresses;
pub(crate) mod login_failures;
mod policy_request;
mod program;
pub(crate) mod scan_test;
mod socks;
#[cfg(test)]
pub(crate) mod tests;

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use privet_config::ListenLimits;
use privet_connection_log::{CloseReason, LiveConnection};
use privet_gateway::{
    Gateway, HttpTimeouts, Refusal, RequestContext, RouteDecision, TunnelInspector,
};
use privet_net::{AddressJudge, AddressUse, Connected, DialError, DialErrorKind, HttpProxyMode};
use privet_policy::{Inspection, Protocol, Route, Why};

use crate::inspection::inspector;

pub(crate) use engine_gateway::EngineGateway;
use late_addresses::dial_request;

/// How long HTTP waits for either side.
pub(crate) fn http_timeouts(limits: &ListenLimits) -> HttpTimeouts {
    HttpTimeouts {
        request_header: limits.request_header_timeout,
        request_body: limits.request_body_timeout,
        response_header: limits.response_header_timeout,
        idle: limits.idle_timeout,
    }
}

impl Gateway for EngineGateway {
    fn policy_generation(&self) -> u64 {
        self.shared.snapshot.load().generation
    }

    fn is_offline(&self) -> bool {
        privet_system::interfaces::is_offline()
    }

    fn requires_authentication(&self) -> bool {
        !self.shared.snapshot.load().users.is_empty()
    }

    async fn authenticate(&self, client: IpAddr, name: &[u8], password: &[u8]) -> Option<Arc<str>> {
        let failures = &self.shared.login_failures;
        let check = || self.shared.snapshot.load().users.check(name, password);
        if !failures.is_empty() {
            let (key, _) = self.settled_client_key(client).await;
            return failures.check_in_turn(key.of_login(name), check).await;
        }
        let user = check();
        if user.is_none() {
            // At once, so that parallel guesses take turns; for the program too, which may be known later.
            let at_once = self.client_key(client);
            failures.failed(at_once.of_login(name));
            let (settled, _) = self.settled_client_key(client).await;
            if settled != at_once {
                failures.failed(settled.of_login(name));
            }
        }
        user
    }

    async fn decide(&self, context: &RequestContext<'_>) -> Result<RouteDecision, Refusal> {
        // A response may come from the cache or by a pooled connection. Other replies wait after their dial.
        if context.protocol == Protocol::Http {
            self.before_reply().await;
        }
        let decision = self.decide_now(context).await?;
        // The client gets its reply before anything is dialed.
        if matches!(decision.treatment.inspection, Inspection::Inspect { .. }) {
            self.before_reply().await;
        }
        Ok(decision)
    }

    async fn dial(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
        http_proxy: HttpProxyMode,
    ) -> Result<Connected, Refusal> {
        let mut freed = false;
        loop {
            let (snapshot, decision) = self.current_decision(context, decision).await?;
            let late = self.late_addresses(&snapshot, context, &decision);
            let request = dial_request(&snapshot, context, &decision, &late, http_proxy);
            let dialing = pin!(snapshot.dialer.dial(&decision.route, &request));
            match self.while_current(&snapshot, dialing).await {
                Some(Ok(connected)) => {
                    self.before_reply().await;
                    return Ok(connected);
                }
                Some(Err(error)) => {
                    self.freed_or_refused(context, &decision, error, &mut freed)
                        .await?;
                }
                None => {}
            }
        }
    }

    async fn dial_address(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
        address: IpAddr,
    ) -> Result<Connected, Refusal> {
        let addresses = [address];
        let mut freed = false;
        loop {
            let (snapshot, decision) = self.current_decision(context, decision).await?;
            let late = self.late_addresses(&snapshot, context, &decision);
            let mode = HttpProxyMode::Connect;
            let mut request = dial_request(&snapshot, context, &decision, &late, mode);
            let is_name = context.target.host.name().is_some();
            if is_name && matches!(decision.route, Route::Direct(_)) {
                if let Err(why) = late.judge(&addresses, AddressUse::Direct) {
                    let error = DialError::here(DialErrorKind::Forbidden(why.kind), &*why.text);
                    return Err(self.record_failure(context, &decision, error).await);
                }
                request.addresses = &addresses;
            }
            let dialing = pin!(snapshot.dialer.dial(&decision.route, &request));
            match self.while_current(&snapshot, dialing).await {
                Some(Ok(connected)) => {
                    self.before_reply().await;
                    return Ok(connected);
                }
                Some(Err(error)) => {
                    self.freed_or_refused(context, &decision, error, &mut freed)
                        .await?;
                }
                None => {}
            }
        }
    }

    fn record(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
        connected: &Connected,
    ) -> LiveConnection {
        let live = self.record_open(context, decision, connected.route.clone());
        let timings = &connected.timings;
        live.set_phases(timings.dns, timings.connect, timings.tls);
        if let Some(remote) = connected.remote {
            live.set_remote(remote);
        }
        self.close_if_forbidden(&live, decision);
        live
    }

    async fn await_program(&self) {
        self.program_of_refused().await;
    }

    fn record_refused(
        &self,
        context: &RequestContext<'_>,
        why: &Why,
        reason: CloseReason,
        error: Option<String>,
    ) {
        self.record_refusal(context, None, why, reason, error);
    }

    fn record_refused_tunnel(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
        reason: CloseReason,
        error: String,
    ) {
        let row = self.record_refusal(context, None, &decision.why, reason, Some(error));
        if let Some(row) = row {
            row.set_inspection(decision.treatment.inspection);
        }
    }

    fn inspect(
        &self,
        context: &RequestContext<'_>,
        decision: &RouteDecision,
    ) -> Option<TunnelInspector> {
        inspector(self, context, decision)
    }

    fn handshake_timeout(&self) -> Duration {
        let snapshot = self.shared.snapshot.load();
        snapshot.config.listen.limits.handshake_timeout
    }

    fn http_timeouts(&self) -> HttpTimeouts {
        http_timeouts(&self.shared.snapshot.load().config.listen.limits)
    }

    fn awaits_request(&self) {
        self.client.waits();
    }

    fn request_begun(&self) {
        self.client.begins();
    }

    fn request_arrived(&self) {
        self.client.is_served();
    }

    fn stopping(&self) -> impl Future<Output = ()> + Send {
        self.shared.stopping.cancelled()
    }

    fn idle_timeout(&self) -> Duration {
        let snapshot = self.shared.snapshot.load();
        snapshot.config.listen.limits.idle_timeout
    }
}
